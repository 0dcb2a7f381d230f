using System.Security.Cryptography;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// The inbox <c>dicom</c>: what comes in there is copied into the inboxes of the tasks that the routes name, and then leaves for <c>processed/dicom</c>. A crash in between repeats the copying, and the same content for
/// the same task is one job. What no route takes is quarantined with the values that the routes looked for.
/// </summary>
internal sealed class DicomRouter(DataFolder folder, ServiceOptions options, StableFileProbe probe, JobJournal journal, ServiceMetrics metrics, TimeProvider time, ILogger logger)
{
    /// <summary>The folder's name, in the inbox, in <c>processed</c> and in <c>quarantine</c>.</summary>
    public const string Name = "dicom";

    // Hidden, and told from what others write there.
    private const string TemporaryPrefix = ".melo-route-";

    private readonly string[] _keywords = [.. options.Routes.SelectMany(r => r.Conditions.Keys).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal)];

    private string Inbox => Path.Combine(folder.Inbox, Name);

    /// <summary>Makes the inbox, and removes the half-written copies of a crash.</summary>
    public void Recover()
    {
        if (options.Routes.Count == 0) return;
        Directory.CreateDirectory(Inbox);
        foreach (string task in options.Routes.SelectMany(r => r.Tasks).Distinct(StringComparer.Ordinal).Select(t => Path.Combine(folder.Inbox, t)).Where(Directory.Exists))
            foreach (string leftover in Directory.EnumerateFiles(task, $"{TemporaryPrefix}*.tmp")) File.Delete(leftover);
    }

    /// <summary>Routes every file that has come to rest.</summary>
    /// <param name="scan">Counts those that have not, or could not be dealt with.</param>
    /// <param name="takeNothing">Whether the disk is too full for copies.</param>
    public void Route(InboxScan scan, bool takeNothing)
    {
        if (options.Routes.Count == 0) return;
        foreach (InboxFile file in Ingestion.Inbox.FilesOf(Inbox, Name, scan))
        {
            scan.Files++;
            if (!probe.IsStable(file.Path, file.Stamp)) scan.Settling++;
            else if (takeNothing) scan.HeldByDisk++;
            else if (!TryRoute(file)) scan.Deferred++;
        }
        probe.EndScan();
        if (probe.UntilStable < scan.SettlesIn) scan.SettlesIn = probe.UntilStable;
    }

    private bool TryRoute(InboxFile file)
    {
        try
        {
            byte[]? bytes = RegularFile.Read(file.Path, options.MaxFileBytes, out FileStamp stamp);
            if (bytes is null) Quarantine(file, digest: null, path => RegularFile.Look(path, out FileStamp now) == FileKind.Regular && now == stamp, new Reason(Reason.TooLarge, $"found {stamp.Length} bytes, expected at most {options.MaxFileBytes}"));
            else Route(file, bytes);
            return true;
        }
        catch (Exception e) when (e is FileNotFoundException or FileChangedException)
        {
            return true; // taken away, or not at rest after all
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.Deferred(Name, StorageTrouble.Describe(e));
            return false;
        }
    }

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
        foreach (string task in tasks) Copy(bytes, digest, Path.Combine(folder.Inbox, task), file.Name);
        new SettledFolder(Path.Combine(folder.Processed, Name)).Take(file.Path, IsSame, file.Name);

        bool IsSame(string path) => RegularFile.Sha256(path) == digest;
    }

    // Whole or not there, beside whatever has that name.
    private static void Copy(byte[] bytes, string digest, string inbox, string name)
    {
        Directory.CreateDirectory(inbox);
        string temporary = Path.Combine(inbox, $"{TemporaryPrefix}{Guid.NewGuid():N}.tmp");
        using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
        }
        for (int number = 1; ; number++)
        {
            string path = Path.Combine(inbox, FileNames.Numbered(name, number));
            if (DurableFile.TryRename(temporary, path))
            {
                DurableFile.SyncFolder(inbox); // the original leaves next
                return;
            }
            if (RegularFile.Look(path, out _) != FileKind.Regular || RegularFile.Sha256(path) != digest) continue;
            File.Delete(temporary); // it is there, from before a crash
            return;
        }
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
