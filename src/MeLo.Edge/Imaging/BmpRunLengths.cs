namespace MeLo.Edge.Imaging;

/// <summary>
/// Expands BI_RLE8 and BI_RLE4 to one byte a pixel, in stored order. Pixels that the file skips are 0, as everywhere; a file that ends,
/// or says it ends, before the last pixel is refused, as Pillow does.
/// </summary>
internal static class BmpRunLengths
{
    private const byte EndOfLine = 0, EndOfBitmap = 1, Delta = 2;

    public static byte[] Decode(ReadOnlySpan<byte> file, BmpHeader header)
    {
        bool nibbles = header.Compression == BmpCompression.Rle4;
        int width = header.Width;
        byte[] pixels = new byte[width * header.Height];
        if (header.PixelStart > file.Length) throw Truncated(file.Length, 0, pixels.Length);
        ReadOnlySpan<byte> rest = file[(int)header.PixelStart..];

        int position = 0; // the next pixel; may lie beyond the last after a delta
        int x = 0;
        while (position < pixels.Length)
        {
            if (rest.Length < 2) throw Truncated(file.Length, position, pixels.Length);
            byte count = rest[0], value = rest[1];
            rest = rest[2..];
            if (count > 0)
            {
                // A run ends with its row, whatever it says.
                int run = Math.Min(count, Math.Max(0, width - x));
                for (int i = 0; i < run && position < pixels.Length; i++)
                    pixels[position++] = !nibbles ? value : (byte)(i % 2 == 0 ? value >> 4 : value & 0x0F);
                x += run;
            }
            else if (value == EndOfLine)
            {
                position += (width - (position % width)) % width;
                x = 0;
            }
            else if (value == EndOfBitmap)
            {
                break;
            }
            else if (value == Delta)
            {
                if (rest.Length < 2) throw Truncated(file.Length, position, pixels.Length);
                position = (int)Math.Min(int.MaxValue, position + rest[0] + ((long)rest[1] * width));
                x = position % width;
                rest = rest[2..];
            }
            else
            {
                int bytes = nibbles ? (value + 1) / 2 : value;
                if (rest.Length < bytes) throw Truncated(file.Length, position, pixels.Length);
                for (int i = 0; i < value && position < pixels.Length; i++)
                    pixels[position++] = !nibbles ? rest[i] : (byte)(i % 2 == 0 ? rest[i / 2] >> 4 : rest[i / 2] & 0x0F);
                x += value;
                // Literal pixels are padded to whole 16-bit words.
                rest = rest[Math.Min(rest.Length, bytes + (bytes & 1))..];
            }
        }
        return position >= pixels.Length ? pixels : throw Truncated(file.Length, position, pixels.Length);
    }

    private static ImageException Truncated(int length, int found, int expected) =>
        BmpHeader.Broken($"found {found} pixels in the run lengths of a file of {length} bytes, expected {expected}: the file is truncated");
}
