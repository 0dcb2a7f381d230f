using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// Says when a file has stopped changing: its length, modification time and identity were seen the same over a whole interval.
/// Not safe for concurrent use: it belongs to one scan.
/// </summary>
internal sealed class StableFileProbe(TimeSpan interval, TimeProvider time)
{
    private readonly Dictionary<string, (FileStamp Stamp, long Since)> _seen = new(StringComparer.Ordinal);
    private readonly HashSet<string> _current = new(StringComparer.Ordinal);
    private TimeSpan _soonest = TimeSpan.MaxValue;

    /// <summary>
    /// How long after the last scan the first of the files that still moved in it will have come to rest, if it does not change again, in
    /// whole milliseconds as timers count; <see cref="TimeSpan.MaxValue"/> when none moved.
    /// </summary>
    public TimeSpan UntilStable { get; private set; } = TimeSpan.MaxValue;

    /// <summary>Records that a file was seen in a state, and says whether it has been in that state for the interval.</summary>
    public bool IsStable(string path, FileStamp stamp)
    {
        long now = time.GetTimestamp();
        _current.Add(path);
        if (!_seen.TryGetValue(path, out (FileStamp Stamp, long Since) before) || before.Stamp != stamp)
        {
            before = (stamp, now);
            _seen[path] = before;
        }
        TimeSpan left = interval - time.GetElapsedTime(before.Since, now);
        if (left <= TimeSpan.Zero) return true;
        if (left < _soonest) _soonest = left;
        return false;
    }

    /// <summary>A whole scan for its own sake, so that the time until the files have come to rest begins: the first one that does something comes later.</summary>
    public void Look(IEnumerable<(string Path, FileStamp Stamp)> files)
    {
        foreach ((string path, FileStamp stamp) in files) IsStable(path, stamp);
        EndScan();
    }

    /// <summary>Ends a scan: what was not seen in it is forgotten, so that a file that comes back starts anew.</summary>
    public void EndScan()
    {
        foreach (string path in _seen.Keys.Where(path => !_current.Contains(path)).ToArray()) _seen.Remove(path);
        _current.Clear();
        UntilStable = _soonest == TimeSpan.MaxValue ? _soonest : TimeSpan.FromMilliseconds(Math.Ceiling(_soonest.TotalMilliseconds));
        _soonest = TimeSpan.MaxValue;
    }
}
