using System.IO.Enumeration;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>The files of a sample: one, or the slices of a DICOM series.</summary>
/// <param name="Id">The sample's name.</param>
/// <param name="Paths">Where they are.</param>
internal readonly record struct SampleFiles(string Id, IReadOnlyList<string> Paths)
{
    // What Windows leaves among pictures, hidden there, but not where a folder was copied to; and what a medium has to find DICOM files by.
    private static readonly string[] s_leftovers = ["Thumbs.db", "desktop.ini", "DICOMDIR"];

    // As many bytes tell what a file is: DICOM's prefix comes behind 128 others.
    private const int StartLength = 132;

    /// <summary>The visible files of a folder that are samples or slices, in no order.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="enter">Whether to go on into a folder below; null enters none.</param>
    public static IEnumerable<string> In(string folder, FileSystemEnumerable<string>.FindPredicate? enter = null) =>
        new FileSystemEnumerable<string>(folder, (ref FileSystemEntry e) => e.ToFullPath(), new EnumerationOptions { AttributesToSkip = FileAttributes.Hidden, IgnoreInaccessible = false, RecurseSubdirectories = enter is not null })
        {
            ShouldIncludePredicate = (ref FileSystemEntry e) => !e.IsDirectory,
            ShouldRecursePredicate = enter,
        }.Where(path => !s_leftovers.Contains(Path.GetFileName(path), StringComparer.OrdinalIgnoreCase));

    /// <summary>The first bytes of a file, enough to tell what it is; none of what has no length.</summary>
    public static byte[] Start(string path)
    {
        if (LengthOf(path) == 0) return [];
        byte[] start = new byte[StartLength];
        using FileStream file = File.OpenRead(path);
        return start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
    }

    /// <summary>All bytes: the file's, or an archive of the series as a device has it. Lengths are checked before memory is taken.</summary>
    /// <exception cref="ImageException">They are over the limits.</exception>
    /// <exception cref="IOException">One cannot be read, or there is none.</exception>
    public byte[] Read(DecodeLimits limits)
    {
        if (Paths.Count == 0) throw new IOException("found no file in the folder, expected the slices of a DICOM series");
        if (Paths.Count == 1) return Read(Paths[0], limits);
        List<ReadOnlyMemory<byte>> slices = [];
        long bytes = 0;
        foreach (string path in Paths)
        {
            slices.Add(Read(path, limits));
            limits.CheckFile(bytes += slices[^1].Length);
        }
        return SeriesArchive.Pack(slices);
    }

    private static byte[] Read(string path, DecodeLimits limits)
    {
        // Before all of it is read: it may be anything, or have grown.
        long length = LengthOf(path);
        limits.CheckFile(length);
        return length == 0 ? [] : File.ReadAllBytes(path);
    }

    // Also behind a link. Pipes and devices have none, and may have no end: of length 0, a file is not to be opened.
    private static long LengthOf(string path)
    {
        FileInfo info = new(path);
        return (info.LinkTarget is null ? info : (FileInfo?)info.ResolveLinkTarget(returnFinalTarget: true) ?? info).Length;
    }
}
