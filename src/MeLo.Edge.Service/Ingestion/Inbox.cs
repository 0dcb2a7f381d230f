using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>What a full scan of the inboxes found.</summary>
internal sealed record InboxScan
{
    /// <summary>Regular files with an input's name, whatever their state.</summary>
    public int Files { get; set; }

    /// <summary>Files that were queued by this scan.</summary>
    public int Queued { get; set; }

    /// <summary>Files that were queued before, or are being worked on.</summary>
    public int InWork { get; set; }

    /// <summary>Files that still change, or were not seen for long enough.</summary>
    public int Settling { get; set; }

    /// <summary>How long until the first of them can have come to rest.</summary>
    public TimeSpan SettlesIn { get; set; } = TimeSpan.MaxValue;

    /// <summary>Files that failed and are tried again later.</summary>
    public int Deferred { get; set; }

    /// <summary>Files in the folder of a task that no bundle is installed for.</summary>
    public int WithoutTask { get; set; }

    /// <summary>Files held back because a queue is full.</summary>
    public int HeldBack { get; set; }

    /// <summary>Files held back because the disk is almost full.</summary>
    public int HeldByDisk { get; set; }

    /// <summary>Links, FIFOs and other things that are never opened, and names that cannot be (not UTF-8).</summary>
    public int Unusable { get; set; }

    /// <summary>Folders that could not be listed.</summary>
    public int FoldersUnreadable { get; set; }

    /// <summary>This scan and another one's files.</summary>
    public InboxScan With(InboxScan other) => this with
    {
        Files = Files + other.Files,
        Settling = Settling + other.Settling,
        SettlesIn = SettlesIn < other.SettlesIn ? SettlesIn : other.SettlesIn,
        Deferred = Deferred + other.Deferred,
        HeldBack = HeldBack + other.HeldBack,
        HeldByDisk = HeldByDisk + other.HeldByDisk,
        Unusable = Unusable + other.Unusable,
        FoldersUnreadable = FoldersUnreadable + other.FoldersUnreadable,
    };

    /// <summary>Whether something will change without anybody doing anything.</summary>
    public bool IsMoving => Queued + InWork + Settling + HeldBack + Deferred > 0;
}

/// <summary>
/// The inboxes, seen whole: a scan lists every file, and queues those that are stable, wanted and not in work yet. What a scan does not
/// take stays where it is; the next scan sees it again. A folder event only makes the next scan come sooner.
/// </summary>
/// <param name="folder">The folder of all inboxes.</param>
/// <param name="probe">Says which files are at rest.</param>
/// <param name="schedule">Takes what is queued.</param>
/// <param name="time">The clock.</param>
/// <param name="gather">Takes slices of volumes that are to be put together first; null where there are none.</param>
/// <param name="takesFolders">Whether folders in a task's inbox are inputs too, which others deal with; null for no task's.</param>
/// <param name="without">A folder that is no task's inbox; null for none.</param>
internal sealed class Inbox(string folder, StableFileProbe probe, JobSchedule schedule, TimeProvider time, Func<InboxFile, Gathering>? gather = null, Func<string, bool>? takesFolders = null, string? without = null)
{
    private sealed record Deferral(FileStamp Stamp, long Since, TimeSpan Delay, int Failures);

    private readonly Lock _lock = new();
    private long _settled;
    private readonly HashSet<(string Task, Priority Priority, string Name)> _inWork = [];
    private readonly Dictionary<(string Task, Priority Priority, string Name), Deferral> _deferred = [];

    /// <summary>How many files are queued or being worked on.</summary>
    public int InWork
    {
        get { lock (_lock) return _inWork.Count; }
    }

    /// <summary>How many files have an outcome and are out of work for good, and how many are queued or being worked on: each is one of the two.</summary>
    public (long Settled, int InWork) Counts
    {
        get { lock (_lock) return (_settled, _inWork.Count); }
    }

    /// <summary>Whether a file that failed waits for another try, or has it at the moment.</summary>
    public bool HasDeferred
    {
        get { lock (_lock) return _deferred.Count > 0; }
    }

    /// <summary>Scans every inbox. One scan at a time.</summary>
    /// <param name="isInstalled">Whether a task can be worked on.</param>
    /// <param name="takeNothing">Whether the disk is too full for more work.</param>
    public InboxScan Scan(Func<string, bool> isInstalled, bool takeNothing)
    {
        InboxScan scan = new();
        List<InboxFile> ready = [];
        HashSet<(string, Priority, string)> seen = [];
        foreach (InboxFile file in Files(folder, scan, takesFolders, without))
        {
            seen.Add(file.Place);
            scan.Files++;
            Sort(file, isInstalled(file.Task), scan, ready);
        }
        probe.EndScan();
        scan.SettlesIn = probe.UntilStable;
        ForgetDeferralsOf(seen);
        Queue(ready, takeNothing, scan);
        return scan;
    }

    /// <summary>The files that a scan takes in, in its order.</summary>
    public static IEnumerable<(string Path, FileStamp Stamp)> Files(string folder) => Files(folder, new InboxScan(), takesFolders: null).Select(file => (file.Path, file.Stamp));

    /// <summary>The files of one folder, in no order.</summary>
    public static IEnumerable<InboxFile> FilesOf(string path, string task, InboxScan scan) => Directory.Exists(path) ? Files(path, task, Priority.Routine, without: null, scan) : [];

    /// <summary>Ends the work on a file: it left the inbox, or it waits there for another scan.</summary>
    public void Release(InboxFile file)
    {
        lock (_lock)
        {
            _inWork.Remove(file.Place);
            _deferred.Remove(file.Place);
        }
    }

    /// <summary>Ends the work on a file that has its outcome, delivered.</summary>
    public void Settle(InboxFile file)
    {
        lock (_lock)
        {
            Release(file);
            _settled++;
        }
    }

    /// <summary>Ends the work on a file that failed for a reason that may pass: it is tried again after a delay that doubles up to a minute.</summary>
    /// <returns>How many times in a row it has failed now.</returns>
    public int Defer(InboxFile file)
    {
        lock (_lock)
        {
            _inWork.Remove(file.Place);
            int failures = _deferred.TryGetValue(file.Place, out Deferral? before) && before.Stamp == file.Stamp ? before.Failures + 1 : 1;
            TimeSpan delay = TimeSpan.FromMilliseconds(Math.Min(250 * Math.Pow(2, failures - 1), 60_000));
            _deferred[file.Place] = new Deferral(file.Stamp, time.GetTimestamp(), delay, failures);
            return failures;
        }
    }

    private void Sort(InboxFile file, bool isInstalled, InboxScan scan, List<InboxFile> ready)
    {
        bool stable = probe.IsStable(file.Path, file.Stamp);
        lock (_lock)
        {
            if (_inWork.Contains(file.Place)) scan.InWork++;
            else if (!isInstalled) scan.WithoutTask++;
            else if (!stable) scan.Settling++;
            else if (_deferred.TryGetValue(file.Place, out Deferral? deferral) && deferral.Stamp == file.Stamp
                && time.GetElapsedTime(deferral.Since) < deferral.Delay) scan.Deferred++;
            else ready.Add(file);
        }
    }

    private void Queue(List<InboxFile> ready, bool takeNothing, InboxScan scan)
    {
        // First come, first served; equal times by name, so that the order is the same on every machine.
        ready.Sort((a, b) => a.Stamp.Modified != b.Stamp.Modified
            ? a.Stamp.Modified.CompareTo(b.Stamp.Modified) : string.CompareOrdinal(a.Name, b.Name));
        foreach (InboxFile file in ready)
        {
            Gathering gathering = takeNothing || gather is null ? Gathering.None : gather(file);
            lock (_lock)
            {
                if (gathering == Gathering.Gathered)
                {
                    scan.Settling++;
                    scan.SettlesIn = TimeSpan.Zero; // its folder is looked at again, which begins to wait
                }
                else if (gathering == Gathering.Later) scan.HeldBack++;
                else if (takeNothing) scan.HeldByDisk++;
                else if (!_inWork.Add(file.Place)) scan.InWork++;
                else if (schedule.TryAdd(file)) scan.Queued++;
                else
                {
                    _inWork.Remove(file.Place);
                    scan.HeldBack++;
                }
            }
        }
    }

    private void ForgetDeferralsOf(HashSet<(string, Priority, string)> seen)
    {
        lock (_lock)
        {
            foreach ((string, Priority, string) place in _deferred.Keys.Where(place => !seen.Contains(place)).ToArray()) _deferred.Remove(place);
        }
    }

    // The files of every task's inbox, the urgent ones of a task first.
    private static IEnumerable<InboxFile> Files(string folder, InboxScan scan, Func<string, bool>? takesFolders, string? without = null)
    {
        foreach (string taskFolder in Folders(folder, scan))
        {
            if (Path.GetFileName(taskFolder) == without) continue;
            string task = Path.GetFileName(taskFolder), stat = Path.Combine(taskFolder, DataFolder.StatName);
            // Also while the task is not installed, and whoever made it: a folder of that name, never a link or a file.
            bool hasStat = IsFolder(stat), withFolders = takesFolders?.Invoke(task) == true;
            foreach (InboxFile file in hasStat ? Files(stat, task, Priority.Stat, without: null, scan, withFolders) : []) yield return file;
            foreach (InboxFile file in Files(taskFolder, task, Priority.Routine, without: hasStat ? DataFolder.StatName : null, scan, withFolders)) yield return file;
        }
    }

    private static IEnumerable<string> Folders(string folder, InboxScan scan) => Entries(folder, scan, folders: true)
        .Where(path => DataFolder.IsTaskName(Path.GetFileName(path)) && new DirectoryInfo(path).LinkTarget is null);

    private static bool IsFolder(string path) => Directory.Exists(path) && new DirectoryInfo(path).LinkTarget is null;

    private static IEnumerable<InboxFile> Files(string path, string task, Priority priority, string? without, InboxScan scan, bool withFolders = false)
    {
        foreach (string entry in Entries(path, scan))
        {
            string name = Path.GetFileName(entry);
            if (name == without || FileNames.IsIgnored(name)) continue;
            switch (RegularFile.Look(entry, out FileStamp stamp))
            {
                case FileKind.Regular:
                    yield return new InboxFile(task, name, entry, stamp, priority);
                    break;
                case FileKind.Missing when !name.Contains('\uFFFD', StringComparison.Ordinal):
                    break; // moved away since the folder was listed
                default:
                    if (withFolders && IsFolder(entry)) break;
                    scan.Unusable++;
                    break;
            }
        }
    }

    private static string[] Entries(string path, InboxScan scan, bool folders = false)
    {
        try
        {
            return folders ? Directory.GetDirectories(path) : Directory.GetFileSystemEntries(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            scan.FoldersUnreadable++;
            return [];
        }
    }
}
