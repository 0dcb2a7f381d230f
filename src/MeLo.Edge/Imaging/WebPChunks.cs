using System.Buffers.Binary;
using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Walks the chunks of a WebP file (RFC 9649, section 2): the file must be as long as it says. Profiles, EXIF and XMP are cut out, and
/// the flags that announce them cleared.
/// </summary>
internal static class WebPChunks
{
    private const int HeaderLength = 12, ChunkHeaderLength = 8;
    private const byte ProfileFlag = 0x20, ExifFlag = 0x08, XmpFlag = 0x04;

    /// <exception cref="ImageException">The file is shorter than it says.</exception>
    public static CheckedFile Check(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        long length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) + 8L;
        if (length > bytes.Length) throw ImageException.Broken(ImageFormat.WebP, $"found {bytes.Length} bytes, expected {length}: the file is truncated");

        int orientation = 1;
        List<Range> dropped = [];
        for (long at = HeaderLength; at + ChunkHeaderLength <= length;)
        {
            ReadOnlySpan<byte> chunk = bytes[(int)at..];
            long data = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]), next = at + ChunkHeaderLength + data + (data & 1);
            // A chunk that is too long is for the decoder to refuse, unless it is cut out anyway.
            if (next > length) next = length;
            ReadOnlySpan<byte> name = chunk[..4];
            if (name.SequenceEqual("EXIF"u8)) orientation = ExifOrientation.Read(bytes[((int)at + ChunkHeaderLength)..(int)next]);
            if (!IsPixels(name)) dropped.Add((int)at..(int)next);
            at = next;
        }
        ReadOnlyMemory<byte> rest = CheckedFile.Without(file, dropped);
        if (dropped.Count > 0) rest = Relabel(rest.ToArray(), length - dropped.Sum(r => r.End.Value - r.Start.Value));
        return new CheckedFile(rest, orientation, VipsFailOn.Error);
    }

    private static bool IsPixels(ReadOnlySpan<byte> name) => name.SequenceEqual("VP8 "u8) || name.SequenceEqual("VP8L"u8) || name.SequenceEqual("VP8X"u8)
        || name.SequenceEqual("ALPH"u8) || name.SequenceEqual("ANIM"u8) || name.SequenceEqual("ANMF"u8);

    private static byte[] Relabel(byte[] file, long length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(4), (uint)(length - 8));
        if (file.Length > HeaderLength + ChunkHeaderLength && file.AsSpan(HeaderLength, 4).SequenceEqual("VP8X"u8))
            file[HeaderLength + ChunkHeaderLength] &= unchecked((byte)~(ProfileFlag | ExifFlag | XmpFlag));
        return file;
    }
}
