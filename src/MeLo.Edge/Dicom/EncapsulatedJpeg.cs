using System.Buffers.Binary;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>
/// A JPEG frame of 8 bits a sample, decoded to the components that are stored. A DICOM file says itself what its samples stand for; JPEG decoders guess it from markers that are
/// no part of DICOM, so those are replaced by one that says: no transform.
/// </summary>
internal static class EncapsulatedJpeg
{
    private const byte StartOfImage = 0xD8, StartOfScan = 0xDA, Jfif = 0xE0, Adobe = 0xEE;

    // Length, "Adobe", version 100, two flags, transform 0: the components are as they are (T.872, 6.5.3).
    private static ReadOnlySpan<byte> NoTransform => [0xFF, Adobe, 0, 14, (byte)'A', (byte)'d', (byte)'o', (byte)'b', (byte)'e', 0, 100, 0, 0, 0, 0, 0];

    /// <summary>Decodes a frame.</summary>
    /// <param name="jpeg">The frame.</param>
    /// <param name="pixels">What the file says of it.</param>
    /// <param name="limits">What it may cost.</param>
    /// <param name="destination">[pixels, samples].</param>
    /// <exception cref="ImageException">It is broken, or another picture than the file says.</exception>
    public static void Decode(ReadOnlyMemory<byte> jpeg, PixelDescription pixels, DecodeLimits limits, Span<byte> destination)
    {
        if (!jpeg.Span.StartsWith((ReadOnlySpan<byte>)[0xFF, StartOfImage])) throw Broken("found a frame that does not begin as a JPEG, expected one");
        List<Range> dropped = [.. Segments(jpeg.Span).Where(s => s.Marker is Jfif or Adobe).Select(s => s.Segment)];
        ReadOnlyMemory<byte> plain = CheckedFile.Without(jpeg, dropped);
        if (pixels.Samples == 3)
        {
            byte[] marked = new byte[plain.Length + NoTransform.Length];
            plain.Span[..2].CopyTo(marked);
            NoTransform.CopyTo(marked.AsSpan(2));
            plain.Span[2..].CopyTo(marked.AsSpan(2 + NoTransform.Length));
            plain = marked;
        }
        PixelBuffer picture = RasterDecoder.Decode(plain, limits);
        try
        {
            if ((picture.Width, picture.Height, picture.Channels) != (pixels.Width, pixels.Height, pixels.Samples))
            {
                throw Broken($"found a JPEG of {picture.Width} x {picture.Height} pixels of {picture.Channels} samples, expected {pixels.Width} x {pixels.Height} of {pixels.Samples} as the file says");
            }
            picture.Samples<byte>().CopyTo(destination);
        }
        finally
        {
            picture.Return();
        }
    }

    /// <summary>The marker segments before the first scan, from the marker on.</summary>
    private static List<(byte Marker, Range Segment)> Segments(ReadOnlySpan<byte> jpeg)
    {
        List<(byte, Range)> segments = [];
        for (int at = 2; at + 4 <= jpeg.Length;)
        {
            if (jpeg[at] != 0xFF) break;
            if (jpeg[at + 1] == 0xFF)
            {
                at++;
                continue;
            }
            byte marker = jpeg[at + 1];
            int end = at + 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg[(at + 2)..]);
            if (marker == StartOfScan || end > jpeg.Length) break;
            segments.Add((marker, at..end));
            at = end;
        }
        return segments;
    }

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
