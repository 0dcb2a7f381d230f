using System.Buffers.Binary;
using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Walks the chunks of a PNG file (ISO/IEC 15948, clause 5): each must be there in full, up to IEND. libpng stops behind the last row,
/// and so takes a file whose end is missing. Chunks that do not make pixels are cut out: libpng unpacks compressed texts and profiles
/// to tens of megabytes each, whether anyone asks for them or not.
/// </summary>
internal static class PngChunks
{
    private const int SignatureLength = 8;

    // Length and type before the data, a CRC after it.
    private const int ChunkOverhead = 12;

    /// <exception cref="ImageException">A chunk goes beyond the end of the file, or there is no IEND.</exception>
    public static CheckedFile Check(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        int orientation = 1;
        List<Range> dropped = [];
        long at = SignatureLength, pixelsEnd = 0;
        while (at + ChunkOverhead <= bytes.Length)
        {
            ReadOnlySpan<byte> chunk = bytes[(int)at..];
            long next = at + ChunkOverhead + BinaryPrimitives.ReadUInt32BigEndian(chunk);
            if (next > bytes.Length) break;
            ReadOnlySpan<byte> name = chunk[4..8];
            if (name.SequenceEqual("IEND"u8)) return new CheckedFile(CheckedFile.Without(file, dropped), orientation, VipsFailOn.Error);
            if (name.SequenceEqual("eXIf"u8)) orientation = ExifOrientation.Read(bytes[((int)at + 8)..((int)next - 4)]);
            if (name.SequenceEqual("IDAT"u8))
            {
                // Cutting out what lies between would make such a file look whole.
                if (pixelsEnd > 0 && pixelsEnd != at) throw ImageException.Broken(ImageFormat.Png, "found another chunk between IDAT chunks, expected none");
                pixelsEnd = next;
            }
            if (!IsPixels(name)) dropped.Add((int)at..(int)next);
            at = next;
        }
        throw ImageException.Broken(ImageFormat.Png, $"found {bytes.Length} bytes without a complete IEND chunk: the file is truncated");
    }

    // Other critical chunks stay, for libpng to refuse: bit 5 of the first letter says which are not critical (clause 5.4).
    private static bool IsPixels(ReadOnlySpan<byte> name) => (name[0] & 0x20) == 0 || name.SequenceEqual("tRNS"u8);
}
