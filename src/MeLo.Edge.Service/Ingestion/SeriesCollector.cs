using System.Security.Cryptography;
using System.Text;
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
/// <remarks>
/// A crash at any point repeats what was not finished: equal files give an equal archive, and the folder leaves with one rename, so that no half of it is ever taken for a series.
/// </remarks>
internal sealed class SeriesCollector(DataFolder folder, ServiceOptions options, StableFileProbe probe, JobJournal journal, ServiceMetrics metrics, TimeProvider time, ILogger logger)
{
    // Hidden, and told from what others write there.
    private const string TemporaryPrefix = ".melo-series-", PackedPrefix = ".melo-packed-";

    // The preamble, the prefix, and an element.
    private const int StartBytes = 256;

    private static readonly TimeSpan s_turn = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, int> _failures = new(StringComparer.Ordinal);
    private readonly DecodeLimits _limits = DecodeLimits.Default with { MaxFileBytes = options.MaxFileBytes };
    private long _start;

    /// <summary>Removes what a crash left: half-written archives, and files that are in an archive already.</summary>
    public void Recover()
    {
        foreach (string inbox in Directory.EnumerateDirectories(folder.Inbox).SelectMany(Places))
        {
            if (!Directory.Exists(inbox)) continue;
            foreach (string leftover in Directory.EnumerateFiles(inbox, $"{TemporaryPrefix}*.tmp")) File.Delete(leftover);
            foreach (string packed in Directory.EnumerateDirectories(inbox, $"{PackedPrefix}*")) Remove(packed);
        }
    }

    /// <summary>Packs the folders that have come to rest, for a while: the others are seen again by the next scan.</summary>
    /// <param name="tasks">The tasks that take volumes.</param>
    /// <param name="scan">Counts the files that are still there.</param>
    /// <param name="isFull">Whether the disk is too full for archives.</param>
    public void Collect(IEnumerable<string> tasks, InboxScan scan, Func<bool> isFull)
    {
        _start = time.GetTimestamp();
        foreach (string place in tasks.SelectMany(task => Places(Path.Combine(folder.Inbox, task))))
            foreach (string series in Folders(place, scan)) Collect(series, scan, isFull);
        probe.EndScan();
        if (probe.UntilStable < scan.SettlesIn) scan.SettlesIn = probe.UntilStable;
    }

    /// <summary>Moves a slice that came alone into a folder of its series.</summary>
    /// <param name="file">A file at rest in the inbox of a task that takes volumes.</param>
    public Gathering Gather(InboxFile file)
    {
        if (time.GetElapsedTime(_start) > s_turn) return Gathering.Later;
        try
        {
            // A large archive is not read for this.
            if (!DicomDecoder.IsDicom(RegularFile.ReadStart(file.Path, StartBytes))) return Gathering.None;
            if (RegularFile.Read(file.Path, options.MaxFileBytes, out _) is not { } bytes || SliceOf(bytes) is not { } series) return Gathering.None;
            string gathered = Path.Combine(Path.GetDirectoryName(file.Path)!, FolderOf(series));
            Directory.CreateDirectory(gathered);
            for (int number = 1; ; number++)
                if (DurableFile.TryRename(file.Path, Path.Combine(gathered, FileNames.Numbered(file.Name, number)))) return Gathering.Gathered;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Gathering.None; // an input of its own: what is wrong with it is found there
        }
    }

    // The urgent ones of a task first.
    private static string[] Places(string inbox) => [Path.Combine(inbox, DataFolder.StatName), inbox];

    private static IEnumerable<string> Folders(string place, InboxScan scan)
    {
        if (!Directory.Exists(place) || new DirectoryInfo(place).LinkTarget is not null) return [];
        try
        {
            return Directory.GetDirectories(place).Where(f => !FileNames.IsIgnored(Path.GetFileName(f)) && Path.GetFileName(f) != DataFolder.StatName && new DirectoryInfo(f).LinkTarget is null).Order(StringComparer.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            scan.FoldersUnreadable++;
            return [];
        }
    }

    private void Collect(string series, InboxScan scan, Func<bool> isFull)
    {
        List<InboxFile> files = [.. Inbox.FilesOf(series, TaskOf(series), scan)];
        if (files.Count == 0) return;
        // One more that comes makes all of it wait again: the folder is what has to be at rest.
        if (!probe.IsStable(series, Together(files))) scan.Settling += files.Count;
        else if (time.GetElapsedTime(_start) > s_turn) scan.HeldBack += files.Count;
        else if (isFull()) scan.HeldByDisk += files.Count;
        else if (!TryPack(series, files)) scan.Deferred += files.Count;
        else return;
        scan.Files += files.Count;
    }

    private bool TryPack(string series, List<InboxFile> files)
    {
        try
        {
            if (files.Sum(f => f.Stamp.Length) is var bytes && bytes > options.MaxFileBytes)
            {
                Quarantine(series, new Reason(Reason.TooLarge, $"found {bytes} bytes in {files.Count} files, expected at most {options.MaxFileBytes}"));
                return true;
            }
            Pack(series, files);
            _failures.Remove(series);
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or FileChangedException or DirectoryNotFoundException)
        {
            return false; // not at rest after all
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.Deferred(TaskOf(series), StorageTrouble.Describe(e));
            _failures[series] = _failures.GetValueOrDefault(series) + 1;
            return false;
        }
    }

    private void Pack(string series, List<InboxFile> files)
    {
        string inbox = Path.GetDirectoryName(series)!;
        Dictionary<string, List<ReadOnlyMemory<byte>>> bySeries = new(StringComparer.Ordinal);
        List<InboxFile> others = [];
        foreach (InboxFile file in files)
        {
            if (Read(file, isLastTry: _failures.GetValueOrDefault(series) + 1 >= Preparation.MaximumTries) is not { } bytes || SliceOf(bytes) is not { } uid) others.Add(file);
            else if (bySeries.TryGetValue(uid, out List<ReadOnlyMemory<byte>>? slices)) slices.Add(bytes);
            else bySeries.Add(uid, [bytes]);
        }
        foreach ((string uid, List<ReadOnlyMemory<byte>> slices) in bySeries)
        {
            string name = Path.GetFileName(series) + (bySeries.Count > 1 ? $".{Hash(uid)}" : "");
            Write(SeriesArchive.Pack(slices), inbox, $"{name}.zip");
        }
        DurableFile.SyncFolder(inbox); // the files leave next

        string packed = Path.Combine(inbox, $"{PackedPrefix}{Guid.NewGuid():N}");
        Directory.Move(series, packed);
        // What is no slice is an input of its own; what came in this moment is for the next time.
        HashSet<string> there = [.. files.Select(f => f.Name)];
        foreach (InboxFile other in others) PutBack(Path.Combine(packed, other.Name), inbox);
        foreach (string late in Directory.EnumerateFiles(packed).Where(p => !there.Contains(Path.GetFileName(p))))
        {
            Directory.CreateDirectory(series);
            PutBack(late, series);
        }
        Remove(packed);
    }

    // Null where it cannot be read, time and again: it is an input of its own then, and refused as one.
    private byte[]? Read(InboxFile file, bool isLastTry)
    {
        try
        {
            byte[]? bytes = RegularFile.Read(file.Path, options.MaxFileBytes, out FileStamp stamp);
            return stamp == file.Stamp ? bytes : throw new FileChangedException();
        }
        catch (Exception e) when (isLastTry && e is (IOException or UnauthorizedAccessException) and not (FileNotFoundException or FileChangedException))
        {
            return null;
        }
    }

    private string? SliceOf(byte[] bytes)
    {
        try
        {
            return SeriesArchive.SliceOf(bytes, _limits);
        }
        catch (ImageException)
        {
            return null;
        }
    }

    // Whole or not there, beside whatever has that name.
    private static void Write(byte[] archive, string inbox, string name)
    {
        string temporary = Path.Combine(inbox, $"{TemporaryPrefix}{Guid.NewGuid():N}.tmp"), digest = Convert.ToHexStringLower(SHA256.HashData(archive));
        DurableFile.Write(temporary, archive);
        for (int number = 1; ; number++)
        {
            string path = Path.Combine(inbox, FileNames.Numbered(name, number));
            if (DurableFile.TryRename(temporary, path)) return;
            try
            {
                if (RegularFile.Look(path, out _) != FileKind.Regular || RegularFile.Sha256(path) != digest) continue;
            }
            catch (FileNotFoundException)
            {
                continue; // taken by the pipeline in this moment
            }
            File.Delete(temporary); // from before a crash
            return;
        }
    }

    private void Quarantine(string series, Reason reason)
    {
        string task = TaskOf(series), name = FileNames.Safe(Path.GetFileName(series)), quarantine = Path.Combine(folder.Quarantine, task);
        Directory.CreateDirectory(quarantine);
        for (int number = 1; ; number++)
        {
            string path = Path.Combine(quarantine, FileNames.Numbered(name, number));
            if (Path.Exists(path) || Path.Exists(FileNames.Reason(path))) continue;
            DurableFile.Write(FileNames.Reason(path), ReasonDocument.Quarantined(task, name, null, reason, time.GetUtcNow()));
            Directory.Move(series, path);
            break;
        }
        journal.Audit(AuditEvent.Quarantined, task, null, null, detail: reason.Code);
        metrics.Quarantine(reason.Code);
        logger.Quarantined(task, reason.Code, "not read");
    }

    private static void PutBack(string path, string into)
    {
        for (int number = 1; ; number++)
            if (DurableFile.TryRename(path, Path.Combine(into, FileNames.Numbered(Path.GetFileName(path), number)))) return;
    }

    private static void Remove(string packed)
    {
        try { Directory.Delete(packed, recursive: true); }
        catch (IOException) { /* removed at the next start-up */ }
        catch (UnauthorizedAccessException) { /* likewise */ }
    }

    private string TaskOf(string series) => Path.GetRelativePath(folder.Inbox, series).Split(Path.DirectorySeparatorChar)[0];

    // The UID itself would lead to the patient.
    private static string FolderOf(string series) => $"series-{Hash(series)}";

    private static string Hash(string series) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(series)).AsSpan(0, 6));

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
