using MeLo.Edge.Bundles;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Bundles;

/// <summary>The trust folder: read anew whenever it has changed and come to rest. While it cannot be read, the last good state holds.</summary>
internal sealed class TrustFolder(string folder, StableFileProbe probe, Conditions conditions, ILogger logger)
{
    private string? _read;

    /// <summary>Whom to trust; null while nobody is.</summary>
    public TrustStore? Store { get; private set; }

    /// <summary>Whether the folder is still changing.</summary>
    public bool IsSettling { get; private set; }

    /// <summary>How long until the first file that moved in the last look can have come to rest.</summary>
    public TimeSpan SettlesIn => probe.UntilStable;

    /// <summary>Looks at the folder.</summary>
    /// <returns>Whether trust is another now: everything that relied on it must be verified again.</returns>
    public bool Refresh()
    {
        try
        {
            List<string> state = [];
            IsSettling = false;
            foreach ((string path, FileStamp stamp) in Files(folder))
            {
                IsSettling |= !probe.IsStable(path, stamp);
                state.Add($"{path}|{stamp}");
            }
            probe.EndScan();
            string now = string.Join('\n', state);
            if (IsSettling || now == _read) return false;
            bool changed = Read(state.Count);
            _read = now; // not before: what could not be read for a moment is read again
            return changed;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _read = null; // read again when it can be, also if it is then as it was: the hindrance has to end
            Hinder(StorageTrouble.Describe(e));
            return false;
        }
    }

    /// <summary>The files that a look takes in, in its order.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">Likewise.</exception>
    public static IEnumerable<(string Path, FileStamp Stamp)> Files(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            if (Path.GetFileName(path).StartsWith('.')) continue;
            FileInfo target = new(path); // links are fine here: administrators keep certificates elsewhere
            yield return (path, new FileStamp(target.Length, target.LastWriteTimeUtc.Ticks, 0));
        }
    }

    private bool Read(int files)
    {
        try
        {
            TrustStore store = TrustStore.FromDirectory(folder);
            Store = store.KeyCount + store.AuthorityCount > 0 ? store : null;
            logger.TrustRead(store.KeyCount, store.AuthorityCount);
        }
        catch (Exception e) when (!StorageTrouble.Is(e))
        {
            Hinder($"one of the {files} files in the trust folder is neither a public key nor a CA certificate; the keys read before stay trusted");
            return false;
        }
        if (Store is null) Hinder("the trust folder holds no key: no bundle can be verified");
        else if (conditions.Clear(Conditions.Trust)) logger.NoLongerHindered(Conditions.Trust);
        return true;
    }

    private void Hinder(string detail)
    {
        if (conditions.Set(Conditions.Trust, detail)) logger.Hindered(Conditions.Trust, detail);
    }
}
