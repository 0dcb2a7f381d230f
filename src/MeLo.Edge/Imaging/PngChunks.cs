using System.Buffers.Binary;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Walks the chunks of a PNG file (ISO/IEC 15948, clause 5): each must be there in full, up to IEND. libpng stops behind the last row,
/// and so takes a file whose end is missing.
/// </summary>
internal static class PngChunks
{
    private const int SignatureLength = 8;

    // Length and type before the data, a CRC after it.
    private const int ChunkOverhead = 12;

    /// <exception cref="ImageException">A chunk goes beyond the end of the file, or there is no IEND.</exception>
    public static void Check(ReadOnlySpan<byte> file)
    {
        long at = SignatureLength;
        while (at + ChunkOverhead <= file.Length)
        {
            ReadOnlySpan<byte> chunk = file[(int)at..];
            at += ChunkOverhead + (long)BinaryPrimitives.ReadUInt32BigEndian(chunk);
            if (at > file.Length) break;
            if (chunk[4..8].SequenceEqual("IEND"u8)) return;
        }
        throw ImageException.Broken(ImageFormat.Png, $"found {file.Length} bytes without a complete IEND chunk: the file is truncated");
    }
}
