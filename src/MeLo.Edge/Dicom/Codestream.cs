using System.Buffers.Binary;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>What a compressed frame says of itself (JPEG and JPEG-LS: a frame header, T.81 B.2.2 and T.87 C.2.2; JPEG 2000: SIZ, T.800 A.5.1), held against what the file says: other decoders cut or fill up silently.</summary>
internal static class Codestream
{
    private const byte Marker = 0xFF, StartOfScan = 0xDA, JpegLsFrame = 0xF7;

    /// <exception cref="ImageException">It is of another size, or has no header.</exception>
    public static void Check(ReadOnlySpan<byte> frame, PixelDescription pixels)
    {
        (int width, int height, int samples, int bits) = Read(frame) ?? throw Broken("found a compressed frame without a header that says its size, expected one");
        if ((width, height, samples) != (pixels.Width, pixels.Height, pixels.Samples) || bits > pixels.BitsAllocated)
            throw Broken($"found a codestream of {width} x {height} pixels of {samples} samples of {bits} bits, expected {pixels.Width} x {pixels.Height} of {pixels.Samples} in {pixels.BitsAllocated} bits as the file says");
    }

    /// <summary>The bits of a sample; null where no header says so.</summary>
    public static int? Bits(ReadOnlySpan<byte> frame) => Read(frame)?.Bits;

    private static (int Width, int Height, int Samples, int Bits)? Read(ReadOnlySpan<byte> frame)
    {
        // SOC and SIZ: marker, length, capabilities, extent, offset, tile's extent and offset, number of components, depth.
        if (frame is [Marker, 0x4F, Marker, 0x51, ..] && frame.Length > 42)
            return (Extent(frame[8..]), Extent(frame[12..]), U16(frame[40..]), (frame[42] & 0x7F) + 1);
        if (frame is not [Marker, 0xD8, ..]) return null;
        for (int at = 2; at + 4 <= frame.Length && frame[at] == Marker;)
        {
            byte marker = frame[at + 1];
            if (marker == Marker)
            {
                at++;
                continue;
            }
            if (marker == StartOfScan) return null;
            bool isFrame = marker == JpegLsFrame || (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC));
            if (isFrame) return at + 10 <= frame.Length ? (U16(frame[(at + 7)..]), U16(frame[(at + 5)..]), frame[at + 9], frame[at + 4]) : null;
            at += 2 + U16(frame[(at + 2)..]);
        }
        return null;

        // The reference grid less the image's offset, eight bytes behind.
        static int Extent(ReadOnlySpan<byte> size) => (int)Math.Min(int.MaxValue, Math.Max(0, (long)BinaryPrimitives.ReadUInt32BigEndian(size) - BinaryPrimitives.ReadUInt32BigEndian(size[8..])));
    }

    private static int U16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16BigEndian(bytes);

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
