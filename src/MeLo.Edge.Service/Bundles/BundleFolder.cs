using System.Security.Cryptography;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Providers;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Bundles;

/// <summary>
/// The bundles folder is the installed set: of each task, the highest release in it is active. A pass compares the folder with what is
/// active and settles the difference; nothing that is refused ever touches what is active.
/// </summary>
/// <remarks>One pass at a time, always from the same loop.</remarks>
internal sealed class BundleFolder(
    DataFolder folder,
    EdgeEngine engine,
    TrustFolder trust,
    RejectedBundles rejected,
    InstalledTasks tasks,
    JobJournal journal,
    StableFileProbe probe,
    Conditions conditions,
    TimeProvider time,
    ILogger logger)
{
    /// <summary>Above the sum of the format's own limits for the entries.</summary>
    private const long MaximumBytes = 300L << 20;

    private const string Extension = ".melo";

    private readonly Dictionary<string, BundleFile> _verified = new(StringComparer.Ordinal);

    // What is active, by task. A file that vanished is remembered for one more pass: replacing a file may take two steps.
    private readonly Dictionary<string, BundleFile> _active = new(StringComparer.Ordinal);
    private readonly HashSet<string> _missing = new(StringComparer.Ordinal);
    private readonly HashSet<string> _unreadable = new(StringComparer.Ordinal);
    private volatile BundleScan _last = new();

    /// <summary>What the latest pass found; for every thread.</summary>
    public BundleScan Last => _last;

    /// <summary>How long until the first file that moved in the last pass can have come to rest.</summary>
    public TimeSpan SettlesIn => trust.SettlesIn < probe.UntilStable ? trust.SettlesIn : probe.UntilStable;

    /// <summary>Clears up after a crash: before the first pass.</summary>
    public void Recover()
    {
        DurableFile.RemoveLeftovers(folder.Bundles);
        DurableFile.RemoveLeftovers(folder.LoadedBundles);
        rejected.Recover(folder.Bundles);
    }

    /// <summary>One pass.</summary>
    public void Reconcile()
    {
        BundleScan scan = new();
        try
        {
            Reconcile(scan);
        }
        catch (Exception e) when (StorageTrouble.Is(e))
        {
            // Nothing is refused for a full disk or a share that went away: the next pass tries again.
            scan.IsMoving = true;
            Hinder(StorageTrouble.Describe(e));
        }
        _last = scan;
    }

    private void Reconcile(BundleScan scan)
    {
        if (trust.Refresh()) _verified.Clear(); // everything is verified again, by the new rules
        scan.IsMoving |= trust.IsSettling;
        ReadFolder(scan);
        if (trust.Store is null && _verified.Count == 0 && _active.Count == 0) return;
        foreach (string task in _verified.Values.Select(f => f.Task).Concat(_active.Keys).Distinct().Order(StringComparer.Ordinal).ToArray())
            Settle(task, scan);
        _unreadable.RemoveWhere(name => !File.Exists(Path.Combine(folder.Bundles, name)));
        scan.Failing += _unreadable.Count;
        if (scan.Failing == 0 && conditions.Clear(Conditions.Bundles)) logger.NoLongerHindered(Conditions.Bundles);
    }

    private void Hinder(string detail)
    {
        if (conditions.Set(Conditions.Bundles, detail)) logger.Hindered(Conditions.Bundles, detail);
    }

    private void ReadFolder(BundleScan scan)
    {
        HashSet<string> present = new(StringComparer.Ordinal);
        foreach ((string path, FileStamp stamp) in Files(folder.Bundles))
        {
            string name = Path.GetFileName(path);
            present.Add(name);
            bool stable = probe.IsStable(path, stamp);
            if (_verified.TryGetValue(name, out BundleFile? known) && known.Stamp == stamp) continue;
            if (!stable) scan.IsMoving = true;
            else if (trust.Store is null) scan.WaitingForTrust++;
            else Verify(path, name, trust.Store, scan);
        }
        probe.EndScan();
        foreach (string name in _verified.Keys.Where(name => !present.Contains(name)).ToArray())
        {
            // Absent twice in a row is gone: whoever replaces a file by deleting and copying does not retire its task.
            if (!_missing.Add(name)) _verified.Remove(name);
            else scan.IsMoving = true;
        }
        _missing.RemoveWhere(name => present.Contains(name) || !_verified.ContainsKey(name));
    }

    /// <summary>The files that a pass looks at, in its order.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static IEnumerable<(string Path, FileStamp Stamp)> Files(string folder)
    {
        foreach (string path in Directory.GetFiles(folder).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(path);
            if (FileNames.IsIgnored(name) || !name.EndsWith(Extension, StringComparison.OrdinalIgnoreCase)) continue;
            if (RegularFile.Look(path, out FileStamp stamp) == FileKind.Regular) yield return (path, stamp);
        }
    }

    private void Verify(string path, string name, TrustStore store, BundleScan scan)
    {
        byte[]? bytes;
        FileStamp stamp;
        try
        {
            bytes = RegularFile.Read(path, MaximumBytes, out stamp);
        }
        catch (Exception e) when (e is FileNotFoundException or FileChangedException)
        {
            scan.IsMoving = true;
            return;
        }
        catch (Exception e) when (StorageTrouble.Is(e))
        {
            // Tried again with every pass; the other bundles do not wait for this one.
            scan.IsMoving |= _unreadable.Add(name);
            Hinder($"a bundle file cannot be read: {StorageTrouble.Describe(e)}");
            return;
        }
        _unreadable.Remove(name);
        _verified.Remove(name);
        string sha256 = bytes is null ? RegularFile.Sha256(path) : Convert.ToHexStringLower(SHA256.HashData(bytes));
        string digest = AdapterDescription.DigestPrefix + sha256;
        try
        {
            if (bytes is null)
            {
                Reject(path, name, digest, null, null, new Reason(Reason.TooLarge, $"found {stamp.Length} bytes, expected at most {MaximumBytes}"));
                return;
            }
            // Parsed from the bytes in memory; the message must not hold the file's name, as it may be logged and audited.
            Bundle bundle = Bundle.Open(bytes, store, "bundle", time);
            _verified[name] = new BundleFile(name, path, stamp, bundle);
        }
        catch (BundleException e)
        {
            Reject(path, name, digest, null, null, RejectedBundles.ReasonOf(e));
        }
        catch (Exception e) when (!StorageTrouble.Is(e))
        {
            // No parser is trusted to have foreseen everything: the bundle is refused, and the service goes on.
            Reject(path, name, digest, null, null, new Reason(Reason.Failed, $"{e.GetType().Name} while the bundle was verified"));
        }
    }

    // Finds the release of a task that should be active, and makes it so; what cannot be is refused, and the next lower is looked at.
    private void Settle(string task, BundleScan scan)
    {
        int highestEver = journal.HighestRelease(task);
        while (true)
        {
            BundleFile[] present = [.. _verified.Values.Where(f => f.Task == task).OrderByDescending(f => f.Release)
                .ThenByDescending(f => IsActive(f)).ThenBy(f => f.Name, StringComparer.Ordinal)];
            if (present is not [BundleFile best, ..])
            {
                if (_active.ContainsKey(task) && !IsHeldByChangingFile(task, scan)) Retire(task);
                return;
            }
            if (ReasonAgainst(best, highestEver) is Reason reason) Reject(best, reason);
            else if (IsActive(best) || TryActivate(best, out bool isRefused))
            {
                foreach (BundleFile other in present.Skip(1)) SettleLower(other, best, highestEver);
                return;
            }
            else if (!isRefused)
            {
                scan.Failing++;
                return; // the next pass tries again; what is active stays so
            }
        }
    }

    private Reason? ReasonAgainst(BundleFile file, int highestEver)
    {
        if (file.Release < highestEver)
            return new Reason(RejectedBundles.LowerRelease, $"found release {file.Release}, expected {highestEver}, the highest ever activated here, or a higher one");
        if (journal.IsReleaseTaken(file.Task, file.Release, file.Digest))
            return new Reason(RejectedBundles.ReleaseTaken, $"found other content for release {file.Release}, which was activated here before; expected a higher release");
        return file.Bundle.Description.IsExpired(time)
            ? new Reason("expired", $"expired at {file.Bundle.Description.Expires:O}") : null;
    }

    // A lower release beside the active one stays if it was there before it, and is refused if it comes after it.
    private void SettleLower(BundleFile other, BundleFile best, int highestEver)
    {
        if (other.Digest == best.Digest || journal.Knows(other.Digest)) return;
        if (other.Release < highestEver || other.Release == best.Release) Reject(other, ReasonAgainst(other, best.Release) ?? throw new InvalidOperationException());
        else journal.Supersede(other.Task, other.Release, other.Digest);
    }

    private bool TryActivate(BundleFile file, out bool isRefused)
    {
        isRefused = false;
        string copy = Path.Combine(folder.LoadedBundles, file.Digest[AdapterDescription.DigestPrefix.Length..] + Extension);
        if (!File.Exists(copy)) DurableFile.Write(copy, file.Bundle.File);
        InstalledTask installed;
        try
        {
            installed = engine.Install(file.Bundle);
        }
        catch (EngineException e)
        {
            Reject(file, RejectedBundles.ReasonOf(e));
            isRefused = true;
            return false;
        }
        catch (Exception e) when (!StorageTrouble.Is(e) && e is not ProviderException { Fault: ProviderFault.DeviceLost }) // after a loss no other bundle fares better
        {
            // Not the bundle's fault as far as anybody knows (memory, the runtime): it is not refused for it.
            Hinder($"task {file.Task} cannot be activated: {Failure.Describe(e)}");
            return false;
        }
        journal.Activate(file.Task, file.Release, file.Digest, file.Signer);
        CreateFolders(file.Task);
        _active[file.Task] = file;
        tasks.Publish(installed);
        logger.Activated(file.Task, file.Release, installed.Precision.Name(), file.Digest, file.Signer);
        return true;
    }

    private void CreateFolders(string task)
    {
        try
        {
            folder.CreateTask(task);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // No reason against this task or those after it: every scan of the inboxes tries again, and says so.
        }
    }

    private bool IsActive(BundleFile file) => _active.TryGetValue(file.Task, out BundleFile? active) && active.Digest == file.Digest;

    // The active bundle's file is being overwritten: what it becomes decides, not that it is unreadable meanwhile.
    private bool IsHeldByChangingFile(string task, BundleScan scan)
    {
        BundleFile active = _active[task];
        bool changing = RegularFile.Look(active.Path, out FileStamp stamp) == FileKind.Regular && stamp != active.Stamp;
        scan.IsMoving |= changing;
        return changing;
    }

    private void Retire(string task)
    {
        BundleFile active = _active[task];
        tasks.Retire(task);
        engine.Retire(task);
        _active.Remove(task);
        journal.Audit(AuditEvent.Retired, task, active.Release, active.Digest);
        logger.Retired(task);
    }

    private void Reject(BundleFile file, Reason reason)
    {
        _verified.Remove(file.Name);
        Reject(file.Path, file.Name, file.Digest, file.Task, file.Release, reason);
    }

    private void Reject(string path, string name, string digest, string? task, int? release, Reason reason)
    {
        rejected.Take(path, digest, task, release, reason);
        Restore(name, digest);
    }

    // A refused file that was written over the active bundle's: the very bytes that are active go back into the folder.
    private void Restore(string name, string refused)
    {
        BundleFile? active = _active.Values.FirstOrDefault(f => f.Name == name && f.Digest != refused);
        if (active is null || Path.Exists(active.Path)) return;
        DurableFile.Write(active.Path, active.Bundle.File);
        if (RegularFile.Look(active.Path, out FileStamp stamp) != FileKind.Regular) return;
        BundleFile restored = active with { Stamp = stamp };
        _verified[name] = restored;
        _active[active.Task] = restored;
        logger.BundleRestored(active.Task, active.Digest);
    }
}
