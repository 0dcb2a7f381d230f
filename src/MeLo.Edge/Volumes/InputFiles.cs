using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>Reads what is to be classified: a file, or a folder with the files of a series. A length is checked before memory is reserved for it.</summary>
internal static class InputFiles
{
    // What a medium has to find DICOM files by.
    private const string MediumDirectory = "DICOMDIR";

    /// <summary>The visible files right in a folder, without what is there by itself, in no order.</summary>
    public static IEnumerable<string> In(string folder) =>
        ImageFolder.Files(folder).Where(path => !IsLeftover(Path.GetFileName(path)));

    /// <summary>Whether a file of that name is no picture and no slice, but is left in folders by the system or a medium.</summary>
    public static bool IsLeftover(string name) => name.StartsWith('.') || name.Equals(MediumDirectory, StringComparison.OrdinalIgnoreCase) || ImageFolder.IsLeftover(name);

    /// <summary>A file's bytes.</summary>
    /// <exception cref="ImageException">It is longer than the limits allow.</exception>
    /// <exception cref="IOException">It cannot be read, or is no regular file: a device or a pipe has no length.</exception>
    public static async Task<byte[]> ReadAsync(string path, DecodeLimits limits, CancellationToken cancellation)
    {
        await using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.Asynchronous);
        if (!file.CanSeek) throw new IOException("The image is not a regular file.");
        limits.CheckFile(file.Length);
        byte[] bytes = new byte[file.Length];
        await file.ReadExactlyAsync(bytes, cancellation).ConfigureAwait(false);
        return bytes;
    }

    /// <summary>The files of a folder with a DICOM series (<see cref="In"/>), as one.</summary>
    /// <exception cref="ImageException">A file, or all of them together, are longer than the limits allow.</exception>
    /// <exception cref="IOException">One cannot be read.</exception>
    public static async Task<byte[]> ReadSeriesAsync(string folder, DecodeLimits limits, CancellationToken cancellation)
    {
        List<ReadOnlyMemory<byte>> files = [];
        long bytes = 0;
        foreach (string path in In(folder))
        {
            files.Add(await ReadAsync(path, limits, cancellation).ConfigureAwait(false));
            limits.CheckFile(bytes += files[^1].Length);
        }
        return SeriesArchive.Pack(files);
    }
}
