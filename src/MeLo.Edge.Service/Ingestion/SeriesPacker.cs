using System.Security.Cryptography;
using System.Text;
using MeLo.Edge.Imaging;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>Puts the files of a folder together in one archive a series, and takes them away after that.</summary>
/// <remarks>
/// A crash at any point repeats what was not finished: equal files give an equal archive. The files leave for a hidden folder, from where the next start brings them back unless all of them are there, and that is one rename: no half of a
/// folder is ever taken for a series, and nothing leaves that is in no archive.
/// </remarks>
/// <param name="limits">What a file may cost.</param>
internal sealed class SeriesPacker(DecodeLimits limits)
{
    // Hidden, and told from what others write there.
    private const string TemporaryPrefix = ".melo-series-", LeavingName = ".melo-leaving", DonePrefix = ".melo-packed-";

    /// <summary>What a file may cost.</summary>
    public DecodeLimits Limits => limits;

    /// <summary>Brings back, or removes, what a crash left in an inbox: half-written archives, files on their way out, and files that are in an archive.</summary>
    /// <exception cref="IOException">The folders cannot be written to.</exception>
    public static void Recover(string place)
    {
        foreach (string leftover in Directory.EnumerateFiles(place, $"{TemporaryPrefix}*.tmp")) File.Delete(leftover);
        foreach (string done in Directory.GetDirectories(place, $"{DonePrefix}*"))
        {
            foreach (string below in Directory.GetDirectories(done, "*", SearchOption.AllDirectories)) RemoveEmpty(place, Path.Combine(place, Path.GetRelativePath(done, below)));
            Remove(done);
        }
        BringBack(place);
    }

    /// <summary>What stands for a series in names of files: its UID would lead to the patient.</summary>
    public static string Digest(string series) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(series)).AsSpan(0, 6));

    /// <summary>Makes an archive of each series among the files, in the place above, and takes the files away; what is no slice becomes an input of its own.</summary>
    /// <param name="place">The inbox, or the one of urgent inputs.</param>
    /// <param name="series">The folder of the files, below it.</param>
    /// <param name="files">Its files, at rest.</param>
    /// <exception cref="FileChangedException">One is not as it was: no slice has left.</exception>
    /// <exception cref="UnreadableException">One cannot be read.</exception>
    /// <exception cref="IOException">The folders cannot be written to.</exception>
    public void Pack(string place, string series, List<InboxFile> files)
    {
        Dictionary<string, List<ReadOnlyMemory<byte>>> bySeries = new(StringComparer.Ordinal);
        List<ReadOnlyMemory<byte>> broken = [];
        List<InboxFile> packed = [], others = [];
        foreach (InboxFile file in files)
        {
            byte[] bytes = Read(file);
            bool isBroken = !TrySlice(bytes, out string? uid);
            if (!isBroken && uid is null)
            {
                others.Add(file);
                continue;
            }
            packed.Add(file);
            if (isBroken) broken.Add(bytes);
            else if (bySeries.TryGetValue(uid!, out List<ReadOnlyMemory<byte>>? slices)) slices.Add(bytes);
            else bySeries.Add(uid!, [bytes]);
        }
        // It may be a slice of any of them: none can be vouched for without it, and the archive is refused for it.
        if (bySeries.Count == 0)
        {
            others.AddRange(packed);
            packed.Clear();
        }
        string name = Path.GetRelativePath(place, series).Replace(Path.DirectorySeparatorChar, '-');
        foreach ((string uid, List<ReadOnlyMemory<byte>> slices) in bySeries)
            DurableFile.Add(place, FileNames.Safe(bySeries.Count > 1 ? $"{name}.{Digest(uid)}.zip" : $"{name}.zip"), SeriesArchive.Pack(slices.Concat(broken)), TemporaryPrefix);
        foreach (InboxFile other in others) DurableFile.MoveInto(other.Path, place); // an input of its own
        try
        {
            Leave(place, series, packed);
        }
        finally
        {
            BringBack(place); // what was not finished
        }
    }

    // All of them, or none.
    private static void Leave(string place, string series, List<InboxFile> packed)
    {
        string leaving = Path.Combine(place, LeavingName), into = Path.Combine(leaving, Path.GetRelativePath(place, series));
        Directory.CreateDirectory(into);
        foreach (InboxFile file in packed)
        {
            string moved = Path.Combine(into, file.Name);
            if (!DurableFile.TryRename(file.Path, moved)) throw new IOException("a file of that name is still being moved");
            // Written over since it was read: with the others it is another series.
            if (RegularFile.Look(moved, out FileStamp stamp) != FileKind.Regular || stamp != file.Stamp) throw new FileChangedException();
        }
        string done = Path.Combine(place, $"{DonePrefix}{Guid.NewGuid():N}");
        Directory.Move(leaving, done);
        RemoveEmpty(place, series); // while there is what tells the next start to
        Remove(done);
    }

    private static void BringBack(string place)
    {
        string leaving = Path.Combine(place, LeavingName);
        if (!Directory.Exists(leaving)) return;
        foreach (string path in Directory.GetFiles(leaving, "*", SearchOption.AllDirectories))
        {
            string back = Path.Combine(place, Path.GetRelativePath(leaving, Path.GetDirectoryName(path)!));
            Directory.CreateDirectory(back);
            DurableFile.MoveInto(path, back);
        }
        Remove(leaving);
    }

    private byte[] Read(InboxFile file)
    {
        try
        {
            byte[]? bytes = RegularFile.Read(file.Path, limits.MaxFileBytes, out FileStamp stamp);
            return bytes is not null && stamp == file.Stamp ? bytes : throw new FileChangedException();
        }
        catch (Exception e) when (e is (IOException or UnauthorizedAccessException) and not (FileNotFoundException or FileChangedException or DirectoryNotFoundException))
        {
            throw new UnreadableException(e);
        }
    }

    // False for a DICOM file that is broken; no series for what is no slice.
    private bool TrySlice(byte[] bytes, out string? series)
    {
        try
        {
            series = SeriesArchive.SliceOf(bytes, limits);
            return true;
        }
        catch (ImageException)
        {
            series = null;
            return false;
        }
    }

    private static void RemoveEmpty(string place, string series)
    {
        try
        {
            for (string path = series; path != place; path = Path.GetDirectoryName(path)!) Directory.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Something else is in it.
        }
    }

    private static void Remove(string packed)
    {
        try { Directory.Delete(packed, recursive: true); }
        catch (IOException) { /* removed at the next start-up */ }
        catch (UnauthorizedAccessException) { /* likewise */ }
    }

    /// <summary>A file of the folder cannot be read, which is not the disk's trouble if it goes on.</summary>
    public sealed class UnreadableException(Exception inner) : IOException(inner.Message, inner);
}
