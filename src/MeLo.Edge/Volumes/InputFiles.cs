using MeLo.Edge.Imaging;

namespace MeLo.Edge.Volumes;

/// <summary>Reads what is to be classified: a file, or a folder with the files of a series. A length is checked before memory is reserved for it.</summary>
internal static class InputFiles
{
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

    /// <summary>The files of a folder, as one that holds a DICOM series.</summary>
    /// <exception cref="ImageException">A file, or all of them together, are longer than the limits allow.</exception>
    /// <exception cref="IOException">One cannot be read.</exception>
    public static async Task<byte[]> ReadSeriesAsync(string folder, DecodeLimits limits, CancellationToken cancellation)
    {
        List<ReadOnlyMemory<byte>> files = [];
        long bytes = 0;
        foreach (string path in Directory.EnumerateFiles(folder))
        {
            files.Add(await ReadAsync(path, limits, cancellation).ConfigureAwait(false));
            limits.CheckFile(bytes += files[^1].Length);
        }
        return SeriesArchive.Pack(files);
    }
}
