using System.Security.Cryptography;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// The inbox <c>dicom</c>: what comes in there is copied into the inboxes of the tasks that the routes name, and then leaves for <c>processed/dicom</c>. A crash in between repeats the copying, and the same content for
/// the same task is one job. What no route takes is quarantined with the values that the routes looked for.
/// </summary>
internal sealed class DicomRouter(DataFolder folder, ServiceOptions options, InstalledTasks tasks, StableFileProbe probe, JobJournal journal, ServiceMetrics metrics, TimeProvider time, ILogger logger)
{
    /// <summary>The folder's name, in the inbox, in <c>processed</c> and in <c>quarantine</c>.</summary>
    public const string Name = "dicom";

    // Hidden, and told from what others write there.
    private const string TemporaryPrefix = ".melo-route-";

    // A scan is a step that the stall watch knows; a backlog is routed in many.
    private static readonly TimeSpan s_turn = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, int> _failures = new(StringComparer.Ordinal);
    private readonly string[] _keywords = [.. options.Routes.SelectMany(r => r.Conditions.Keys).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal)];

    private readonly HashSet<string> _withoutBundle = new(StringComparer.Ordinal);

    private string Inbox => Path.Combine(folder.Inbox, Name);

    /// <summary>Makes the inbox, and removes the half-written copies of a crash.</summary>
    public void Recover()
    {
        if (options.Routes.Count == 0) return;
        Directory.CreateDirectory(Inbox);
        // In every inbox: the routes may have been others.
        foreach (string inbox in Directory.EnumerateDirectories(folder.Inbox))
        {
            try
            {
                foreach (string leftover in Directory.EnumerateFiles(inbox, $"{TemporaryPrefix}*.tmp")) File.Delete(leftover);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The scans come to the same folder, and say so.
            }
        }
    }

    /// <summary>Routes files that have come to rest, for a while: the others are seen again by the next scan, and the tasks' inboxes in between.</summary>
    /// <param name="scan">Counts those that are still there.</param>
    /// <param name="isFull">Whether the disk is too full for copies.</param>
    public void Route(InboxScan scan, Func<bool> isFull)
    {
        if (options.Routes.Count == 0) return;
        WarnOfRoutesToNobody();
        long start = time.GetTimestamp();
        HashSet<string> seen = [];
        foreach (InboxFile file in Ingestion.Inbox.FilesOf(Inbox, Name, scan))
        {
            seen.Add(file.Path);
            bool isStable = probe.IsStable(file.Path, file.Stamp);
            if (!isStable) scan.Settling++;
            else if (time.GetElapsedTime(start) > s_turn) scan.HeldBack++;
            else if (isFull()) scan.HeldByDisk++;
            else if (!TryRoute(file)) scan.Deferred++;
            else continue;
            scan.Files++;
        }
        foreach (string gone in _failures.Keys.Where(path => !seen.Contains(path)).ToArray()) _failures.Remove(gone);
        probe.EndScan();
        if (probe.UntilStable < scan.SettlesIn) scan.SettlesIn = probe.UntilStable;
    }

    // Once a task, until it is installed: only people can tell a name that is written wrongly from a bundle that is still to come.
    private void WarnOfRoutesToNobody()
    {
        foreach (string task in options.Routes.SelectMany(r => r.Tasks))
        {
            if (tasks.Find(task) is not null) _withoutBundle.Remove(task);
            else if (_withoutBundle.Add(task)) logger.RouteToNobody(task);
        }
    }

    // False when the file has to wait: for another try, or for the storage.
    private bool TryRoute(InboxFile file)
    {
        try
        {
            if (ReadOnce(file, out bool isDealtWith) is not { } bytes) return isDealtWith;
            Route(file, bytes);
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or FileChangedException)
        {
            return true; // taken away, or not at rest after all
        }
        catch (Exception e) when (StorageTrouble.Is(e))
        {
            logger.Deferred(Name, StorageTrouble.Describe(e)); // the journal or the folders: a disk's trouble, not this file's
            return false;
        }
        catch (Exception e)
        {
            logger.Deferred(Name, Failure.Describe(e));
            return IsGivenUp(file, failures => new Reason(Reason.Failed, $"{e.GetType().Name} while it was routed, {failures} times"));
        }
    }

    // Null when there is nothing to route: the file is too large or cannot be read. Only reading it counts against the file.
    private byte[]? ReadOnce(InboxFile file, out bool isDealtWith)
    {
        isDealtWith = true;
        try
        {
            byte[]? bytes = RegularFile.Read(file.Path, options.MaxFileBytes, out FileStamp stamp);
            if (bytes is null) Quarantine(file, digest: null, IsAt(stamp), new Reason(Reason.TooLarge, $"found {stamp.Length} bytes, expected at most {options.MaxFileBytes}"));
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException && e is not (FileNotFoundException or FileChangedException))
        {
            logger.Deferred(Name, StorageTrouble.Describe(e));
            isDealtWith = IsGivenUp(file, failures => new Reason(Reason.UnreadableFile, $"{e.Message}, {failures} times"));
            return null;
        }
    }

    // Whether the file has used up its tries and is in quarantine now.
    private bool IsGivenUp(InboxFile file, Func<int, Reason> reason)
    {
        int failures = _failures[file.Path] = _failures.GetValueOrDefault(file.Path) + 1;
        if (failures < Preparation.MaximumTries) return false;
        try
        {
            Quarantine(file, digest: null, IsAt(file.Stamp), reason(failures));
            return true;
        }
        catch (Exception e) when (StorageTrouble.Is(e))
        {
            return false;
        }
    }

    private static Func<string, bool> IsAt(FileStamp stamp) => path => RegularFile.Look(path, out FileStamp now) == FileKind.Regular && now == stamp;

    private void Route(InboxFile file, byte[] bytes)
    {
        string digest = Convert.ToHexStringLower(SHA256.HashData(bytes));
        IReadOnlyDictionary<string, string?> attributes;
        try
        {
            attributes = DicomAttributes.Read(bytes, _keywords, DecodeLimits.Default with { MaxFileBytes = options.MaxFileBytes });
        }
        catch (ImageException e)
        {
            Quarantine(file, digest, IsSame, new Reason(Reason.UnreadableImage, e.Message));
            return;
        }
        string[] tasks = [.. options.Routes.Where(r => r.Takes(attributes)).SelectMany(r => r.Tasks).Distinct(StringComparer.Ordinal)];
        if (tasks.Length == 0)
        {
            string found = string.Join(", ", _keywords.Select(k => attributes[k] is { } value ? $"{k} '{value}'" : $"no {k}"));
            Quarantine(file, digest, IsSame, new Reason(Reason.NoRoute, $"found {found}, expected what one of the {options.Routes.Count} routes takes"));
            return;
        }
        // The original leaves next.
        foreach (string task in tasks) DurableFile.Add(Directory.CreateDirectory(Path.Combine(folder.Inbox, task)).FullName, file.Name, bytes, TemporaryPrefix);
        new SettledFolder(Path.Combine(folder.Processed, Name)).Take(file.Path, IsSame, file.Name);

        bool IsSame(string path) => RegularFile.Sha256(path) == digest;
    }

    private void Quarantine(InboxFile file, string? digest, Func<string, bool> isExpected, Reason reason)
    {
        byte[] document = ReasonDocument.Quarantined(Name, file.Name, digest, reason, time.GetUtcNow());
        if (new SettledFolder(Path.Combine(folder.Quarantine, Name)).Take(file.Path, isExpected, FileNames.Safe(file.Name), document) != TakeOutcome.Taken) return;
        journal.Audit(AuditEvent.Quarantined, Name, null, null, digest, reason.Code);
        metrics.Quarantine(reason.Code);
        logger.Quarantined(Name, reason.Code, digest ?? "not read");
    }
}
