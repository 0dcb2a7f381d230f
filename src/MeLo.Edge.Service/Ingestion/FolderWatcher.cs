namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// Says that something may have changed in a folder. Only a hint: events get lost (a full queue, a network folder, a remount), and then
/// this watches anew; whoever listens must scan at intervals anyway.
/// </summary>
internal sealed class FolderWatcher : IDisposable
{
    private readonly string _folder;
    private readonly bool _withSubfolders;
    private readonly Action _hint;
    private readonly Action _failed;
    private readonly Lock _lock = new();
    private FileSystemWatcher? _watcher;
    private bool _isPartial;
    private bool _disposed;

    /// <param name="folder">The folder.</param>
    /// <param name="withSubfolders">Whether changes in folders below count.</param>
    /// <param name="hint">Called on any thread, often.</param>
    /// <param name="failed">Called when events were lost or cannot be had.</param>
    public FolderWatcher(string folder, bool withSubfolders, Action hint, Action failed)
    {
        _folder = folder;
        _withSubfolders = withSubfolders;
        _hint = hint;
        _failed = failed;
        Watch();
    }

    /// <summary>Whether folder events arrive at the moment.</summary>
    public bool IsWatching
    {
        get { lock (_lock) return _watcher is not null; }
    }

    /// <summary>Watches again if watching had failed, or had failed for a folder below: to be called at every scan.</summary>
    public void Watch()
    {
        bool isNew;
        lock (_lock)
        {
            if (_disposed || (_watcher is not null && !_isPartial)) return;
            FileSystemWatcher? before = _watcher;
            _watcher = Start(out bool isPartial);
            before?.Dispose();
            isNew = isPartial && !_isPartial;
            _isPartial = isPartial;
        }
        if (isNew) _failed();
    }

    private FileSystemWatcher? Start(out bool isPartial)
    {
        bool starting = true, failed = false;
        FileSystemWatcher? watcher = null;
        try
        {
            watcher = new FileSystemWatcher(_folder) { IncludeSubdirectories = _withSubfolders };
            watcher.Created += (_, _) => _hint();
            watcher.Changed += (_, _) => _hint();
            watcher.Renamed += (_, _) => _hint();
            watcher.Deleted += (_, _) => _hint();
            // What cannot be watched is told while the watcher starts; it watches the rest.
            watcher.Error += (_, _) =>
            {
                if (starting) failed = true;
                else OnError();
            };
            watcher.EnableRaisingEvents = true;
        }
        catch (Exception e) when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            // The folder is not there at the moment, or the system's watches are used up: scans go on without hints.
            watcher?.Dispose();
            watcher = null;
        }
        starting = false;
        isPartial = failed;
        return watcher;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _watcher?.Dispose();
            _watcher = null;
        }
    }

    /// <summary>Events were lost: what they said is found by a scan, and later ones come from a fresh watcher.</summary>
    internal void OnError()
    {
        lock (_lock)
        {
            _watcher?.Dispose();
            _watcher = null;
            _isPartial = true; // which is told here
        }
        _failed();
        Watch();
        _hint();
    }
}
