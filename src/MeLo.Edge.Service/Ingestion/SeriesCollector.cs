using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using MeLo.Edge.Volumes;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// Makes one input of the files of a DICOM series, in the inboxes of tasks that take volumes: a folder there is a series, or several, and is complete when nothing in it has changed for the settings' time. Its files are
/// then put together in one ZIP file in the inbox, which is an input like others; only after that do they go. Slices that come alone are gathered in a folder of their series first.
/// </summary>
internal sealed class SeriesCollector(DataFolder folder, ServiceOptions options, StableFileProbe probe, JobJournal journal, ServiceMetrics metrics, TimeProvider time, ILogger logger)
{
    private const string GatheredPrefix = "series-";

    // The preamble, the prefix, and an element.
    private const int StartBytes = 256;

    // More than exports nest; a link that leads upwards is never followed.
    private const int MaxDepth = 8;

    private static readonly TimeSpan s_turn = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, (int Count, long Since)> _failures = new(StringComparer.Ordinal);
    private readonly SeriesPacker _packer = new(DecodeLimits.Default with { MaxFileBytes = options.MaxFileBytes });
    private readonly HashSet<(string Path, FileStamp Stamp)> _noSlices = [];
    private long? _gatheringSince;

    /// <summary>Brings back, or removes, what a crash left: half-written archives, files on their way out, and files that are in an archive.</summary>
    public void Recover()
    {
        foreach (string place in Directory.EnumerateDirectories(folder.Inbox).SelectMany(Places).Where(Directory.Exists))
        {
            try
            {
                SeriesPacker.Recover(place);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The scans come to the same folder, and say so.
            }
        }
    }

    /// <summary>Packs the folders that have come to rest, for a while: the others are seen again by the next scan.</summary>
    /// <param name="tasks">The tasks that take volumes.</param>
    /// <param name="scan">Counts the files that are still there.</param>
    /// <param name="isFull">Whether the disk is too full for archives.</param>
    public void Collect(IEnumerable<string> tasks, InboxScan scan, Func<bool> isFull)
    {
        long start = time.GetTimestamp();
        HashSet<string> seen = new(StringComparer.Ordinal);
        HashSet<(string, FileStamp)> loose = [];
        foreach (string place in tasks.SelectMany(task => Places(Path.Combine(folder.Inbox, task))).Where(Directory.Exists))
        {
            // A slice that is not in its series' folder yet may be one of these.
            bool hasLooseFiles = false;
            foreach (InboxFile file in Inbox.FilesOf(place, TaskOf(place), new InboxScan()))
            {
                loose.Add((file.Path, file.Stamp));
                hasLooseFiles |= !_noSlices.Contains((file.Path, file.Stamp));
            }
            foreach (string series in Folders(place, scan, depth: 0))
            {
                seen.Add(series);
                bool mayGrow = hasLooseFiles && Path.GetFileName(series).StartsWith(GatheredPrefix, StringComparison.Ordinal);
                Collect(place, series, scan, mayGrow, () => time.GetElapsedTime(start) > s_turn, isFull);
            }
        }
        foreach (string gone in _failures.Keys.Where(path => !seen.Contains(path)).ToArray()) _failures.Remove(gone);
        _noSlices.IntersectWith(loose);
        _gatheringSince = null;
        probe.EndScan();
        if (probe.UntilStable < scan.SettlesIn) scan.SettlesIn = probe.UntilStable;
    }

    /// <summary>Moves a slice that came alone into a folder of its series.</summary>
    /// <param name="file">A file at rest in the inbox of a task that takes volumes.</param>
    public Gathering Gather(InboxFile file)
    {
        long start = _gatheringSince ??= time.GetTimestamp();
        if (time.GetElapsedTime(start) > s_turn) return Gathering.Later;
        try
        {
            // A large archive is not read for this.
            if (DicomDecoder.IsDicom(RegularFile.ReadStart(file.Path, StartBytes))
                && RegularFile.Read(file.Path, options.MaxFileBytes, out _) is { } bytes && SeriesArchive.SliceOf(bytes, _packer.Limits) is { } series)
            {
                string gathered = Path.Combine(Path.GetDirectoryName(file.Path)!, GatheredPrefix + SeriesPacker.Digest(series));
                Directory.CreateDirectory(gathered);
                DurableFile.MoveInto(file.Path, gathered);
                return Gathering.Gathered;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ImageException)
        {
            // An input of its own: what is wrong with it is found there.
        }
        _noSlices.Add((file.Path, file.Stamp));
        return Gathering.None;
    }

    // The urgent ones of a task first.
    private static string[] Places(string inbox) => [Path.Combine(inbox, DataFolder.StatName), inbox];

    // Folders below folders too, as people export them: each with files of its own is one.
    private static IEnumerable<string> Folders(string place, InboxScan scan, int depth)
    {
        string[] found;
        try
        {
            found = [.. Directory.GetDirectories(place).Where(f => !FileNames.IsIgnored(Path.GetFileName(f)) && (depth > 0 || Path.GetFileName(f) != DataFolder.StatName) && new DirectoryInfo(f).LinkTarget is null).Order(StringComparer.Ordinal)];
        }
        catch (DirectoryNotFoundException)
        {
            yield break; // it has just been packed
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            scan.FoldersUnreadable++;
            yield break;
        }
        foreach (string path in found)
        {
            yield return path;
            if (depth + 1 >= MaxDepth) continue;
            foreach (string below in Folders(path, scan, depth + 1)) yield return below;
        }
    }

    private void Collect(string place, string series, InboxScan scan, bool mayGrow, Func<bool> isTurnOver, Func<bool> isFull)
    {
        List<InboxFile> files = [.. Inbox.FilesOf(series, TaskOf(place), new InboxScan())];
        if (files.Count == 0) return;
        // One more that comes makes all of it wait again: the folder is what has to be at rest. So does one that is still being written under such a name.
        bool isStable = probe.IsStable(series, Together(files));
        if (!isStable || mayGrow || IsBeingWritten(series)) scan.Settling += files.Count;
        else if (isTurnOver()) scan.HeldBack += files.Count;
        else if (isFull()) scan.HeldByDisk += files.Count;
        else if (_failures.TryGetValue(series, out (int Count, long Since) failure) && time.GetElapsedTime(failure.Since) < Delay(failure.Count)) scan.Deferred += files.Count;
        else if (!TryPack(place, series, files)) scan.Deferred += files.Count;
        else return;
        if (isStable && (mayGrow || IsBeingWritten(series))) scan.SettlesIn = TimeSpan.FromMilliseconds(Math.Min(scan.SettlesIn.TotalMilliseconds, 500));
        scan.Files += files.Count;
    }

    private static TimeSpan Delay(int failures) => TimeSpan.FromMilliseconds(Math.Min(500 * Math.Pow(2, failures - 1), 60_000));

    private static bool IsBeingWritten(string series)
    {
        try
        {
            return Directory.EnumerateFiles(series).Any(f => f.EndsWith(".tmp", StringComparison.OrdinalIgnoreCase) || f.EndsWith(".part", StringComparison.OrdinalIgnoreCase));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true; // taken away, or not to be looked at: the next scan says more
        }
    }

    private bool TryPack(string place, string series, List<InboxFile> files)
    {
        int failures = _failures.GetValueOrDefault(series).Count + 1;
        try
        {
            if (files.Sum(f => f.Stamp.Length) is var bytes && bytes > options.MaxFileBytes) Quarantine(series, new Reason(Reason.TooLarge, $"found {bytes} bytes in {files.Count} files, expected at most {options.MaxFileBytes}"));
            else _packer.Pack(place, series, files);
            _failures.Remove(series);
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or FileChangedException or DirectoryNotFoundException)
        {
            return false; // not at rest after all
        }
        catch (Exception e)
        {
            _failures[series] = (failures, time.GetTimestamp());
            bool isStorage = e is IOException or UnauthorizedAccessException;
            logger.Deferred(TaskOf(place), isStorage ? StorageTrouble.Describe(e) : Failure.Describe(e));
            Reason? reason = e switch
            {
                ImageException { IsFileAtFault: true } => new Reason(Reason.UnreadableImage, e.Message),
                SeriesPacker.UnreadableException unreadable when failures >= Preparation.MaximumTries => new Reason(Reason.UnreadableFile, $"{unreadable.InnerException!.Message}, {failures} times"),
                _ when !isStorage && failures >= Preparation.MaximumTries => new Reason(Reason.Failed, $"{e.GetType().Name} while a series was put together, {failures} times"),
                _ => null,
            };
            try
            {
                if (reason is not null) Quarantine(series, reason);
                return reason is not null;
            }
            catch (Exception other) when (other is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    private void Quarantine(string series, Reason reason)
    {
        string task = TaskOf(series), name = FileNames.Safe(Path.GetFileName(series)), quarantine = Path.Combine(folder.Quarantine, task);
        Directory.CreateDirectory(quarantine);
        for (int number = 1; ; number++)
        {
            string path = Path.Combine(quarantine, FileNames.Numbered(name, number)), beside = FileNames.Reason(path);
            if (Path.Exists(path) || Path.Exists(beside)) continue;
            DurableFile.Write(beside, ReasonDocument.Quarantined(task, name, null, reason, time.GetUtcNow()));
            try
            {
                Directory.Move(series, path);
            }
            catch
            {
                File.Delete(beside);
                throw;
            }
            break;
        }
        journal.Audit(AuditEvent.Quarantined, task, null, null, detail: reason.Code);
        metrics.Quarantine(reason.Code);
        logger.Quarantined(task, reason.Code, "not read");
    }

    private string TaskOf(string path) => Path.GetRelativePath(folder.Inbox, path).Split(Path.DirectorySeparatorChar)[0];

    // Of all files together: how many bytes, the newest, and which.
    private static FileStamp Together(List<InboxFile> files)
    {
        HashCode hash = new();
        foreach (InboxFile file in files.OrderBy(f => f.Name, StringComparer.Ordinal)) hash.Add((file.Name, file.Stamp));
        return new FileStamp(files.Sum(f => f.Stamp.Length), files.Max(f => f.Stamp.Modified), unchecked((ulong)hash.ToHashCode()));
    }
}

/// <summary>What became of a file that may be a slice.</summary>
internal enum Gathering
{
    /// <summary>It is an input of its own.</summary>
    None,

    /// <summary>It is in the folder of its series now.</summary>
    Gathered,

    /// <summary>It waits for the next scan.</summary>
    Later,
}
