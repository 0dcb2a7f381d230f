using System.IO.Enumeration;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>The files of a sample: one, or the slices of a DICOM series, which lie in a folder.</summary>
/// <param name="Id">The sample's name.</param>
/// <param name="Paths">Where they are.</param>
/// <param name="IsSeries">Whether they are those of a folder.</param>
internal readonly record struct SampleFiles(string Id, IReadOnlyList<string> Paths, bool IsSeries)
{
    // As many bytes tell what a file is: DICOM's prefix comes behind 128 others.
    private const int StartLength = 132;

    /// <summary>A sample of one file.</summary>
    public static SampleFiles Of(string id, string path) => new(id, [path], IsSeries: false);

    /// <summary>A sample of a folder, by the rules of a device (<see cref="InputFiles.In"/>).</summary>
    public static SampleFiles OfFolder(string id, string folder) => new(id, [.. InputFiles.In(folder).Order(StringComparer.Ordinal)], IsSeries: true);

    /// <summary>The files that may be samples or slices in a folder and those below, in no order.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="enter">Whether to go on into a folder below.</param>
    public static IEnumerable<string> Below(string folder, FileSystemEnumerable<string>.FindPredicate enter) =>
        new FileSystemEnumerable<string>(folder, (ref FileSystemEntry e) => e.ToFullPath(), new EnumerationOptions { AttributesToSkip = FileAttributes.Hidden, IgnoreInaccessible = false, RecurseSubdirectories = true })
        {
            ShouldIncludePredicate = (ref FileSystemEntry e) => !e.IsDirectory,
            ShouldRecursePredicate = enter,
        }.Where(path => !InputFiles.IsLeftover(Path.GetFileName(path)));

    /// <summary>The first bytes of a file, enough to tell what it is; none of what has no length.</summary>
    public static byte[] Start(string path)
    {
        if (LengthOf(path) == 0) return [];
        byte[] start = new byte[StartLength];
        using FileStream file = File.OpenRead(path);
        return start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
    }

    /// <summary>The files' bytes, one after the other; their lengths, all together, are checked before memory is taken.</summary>
    /// <exception cref="ImageException">They are over the limits.</exception>
    /// <exception cref="IOException">One cannot be read.</exception>
    public IEnumerable<(string Path, byte[] Bytes)> Read(DecodeLimits limits)
    {
        long bytes = 0;
        foreach (string path in Paths)
        {
            // It may be anything, or have grown.
            long length = LengthOf(path);
            limits.CheckFile(bytes += length);
            yield return (path, length == 0 ? [] : File.ReadAllBytes(path));
        }
    }

    // Also behind a link. Pipes and devices have none, and may have no end: of length 0, a file is not to be opened.
    private static long LengthOf(string path)
    {
        FileInfo info = new(path);
        return (info.LinkTarget is null ? info : (FileInfo?)info.ResolveLinkTarget(returnFinalTarget: true) ?? info).Length;
    }
}
