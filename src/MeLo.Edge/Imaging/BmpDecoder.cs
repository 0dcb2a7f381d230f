using System.Buffers.Binary;
using System.Numerics;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Decodes Windows and OS/2 bitmaps, which the prebuilt libvips cannot. Managed code over spans: a hostile file can only be refused.
/// Where files are ambiguous it does what Pillow 9.4 does (BmpImagePlugin.py).
/// </summary>
internal static class BmpDecoder
{
    public static PixelBuffer Decode(ReadOnlySpan<byte> file, DecodeLimits limits)
    {
        BmpHeader header = BmpHeader.Read(file, limits);
        return header.BitsPerPixel <= 8 ? DecodeIndexed(file, header) : DecodeDirect(file, header);
    }

    private static PixelBuffer DecodeIndexed(ReadOnlySpan<byte> file, BmpHeader header)
    {
        byte[] indices = header.Compression == BmpCompression.None ? ReadIndices(file, header) : BmpRunLengths.Decode(file, header);
        (byte[] palette, bool gray) = ReadPalette(file, header);
        int channels = gray ? 1 : 3;
        byte[] samples = new byte[indices.Length * channels];
        int to = 0;
        for (int row = 0; row < header.Height; row++)
        {
            int stored = header.IsTopDown ? row : header.Height - 1 - row;
            foreach (byte index in indices.AsSpan(stored * header.Width, header.Width))
            {
                for (int c = 0; c < channels; c++) samples[to++] = palette[(index * 3) + c];
            }
        }
        return new PixelBuffer(header.Width, header.Height, channels, samples, ImageFormat.Bmp);
    }

    private static byte[] ReadIndices(ReadOnlySpan<byte> file, BmpHeader header)
    {
        (int width, int bits) = (header.Width, header.BitsPerPixel);
        int perByte = 8 / bits, mask = (1 << bits) - 1;
        byte[] indices = new byte[width * header.Height];
        for (int row = 0; row < header.Height; row++)
        {
            ReadOnlySpan<byte> source = StoredRow(file, header, row);
            Span<byte> destination = indices.AsSpan(row * width, width);
            if (bits == 8)
            {
                source.CopyTo(destination);
                continue;
            }
            for (int x = 0; x < width; x++)
                destination[x] = (byte)((source[x / perByte] >> (8 - bits - (x % perByte * bits))) & mask);
        }
        return indices;
    }

    /// <summary>256 colours, red first. Beyond the stored ones it is a gray ramp, as in Pillow.</summary>
    private static (byte[] Colours, bool IsGray) ReadPalette(ReadOnlySpan<byte> file, BmpHeader header)
    {
        byte[] colours = new byte[256 * 3];
        bool gray = true;
        for (int i = 0; i < 256; i++)
        {
            Span<byte> colour = colours.AsSpan(i * 3, 3);
            if (i < header.PaletteCount)
            {
                ReadOnlySpan<byte> stored = file.Slice(header.PaletteStart + (i * header.PaletteEntryLength), 3);
                (colour[0], colour[1], colour[2]) = (stored[2], stored[1], stored[0]);
                gray &= stored[0] == stored[1] && stored[1] == stored[2];
            }
            else
            {
                colour.Fill((byte)i);
            }
        }
        return (colours, gray);
    }

    private static PixelBuffer DecodeDirect(ReadOnlySpan<byte> file, BmpHeader header)
    {
        byte[] samples = new byte[checked(header.Width * header.Height * 3)];
        for (int row = 0; row < header.Height; row++)
        {
            ReadOnlySpan<byte> source = StoredRow(file, header, header.IsTopDown ? row : header.Height - 1 - row);
            Span<byte> destination = samples.AsSpan(row * header.Width * 3, header.Width * 3);
            if (header.BitsPerPixel == 24 && header.Masks is [0xFF0000, 0xFF00, 0xFF])
            {
                for (int i = 0; i < destination.Length; i += 3)
                    (destination[i], destination[i + 1], destination[i + 2]) = (source[i + 2], source[i + 1], source[i]);
            }
            else
            {
                UnpackMasked(source, header.BitsPerPixel / 8, header.Masks, destination);
            }
        }
        return new PixelBuffer(header.Width, header.Height, 3, samples, ImageFormat.Bmp);
    }

    private static void UnpackMasked(ReadOnlySpan<byte> source, int pixelBytes, uint[] masks, Span<byte> destination)
    {
        Span<int> shifts = [BitOperations.TrailingZeroCount(masks[0]), BitOperations.TrailingZeroCount(masks[1]), BitOperations.TrailingZeroCount(masks[2])];
        for (int from = 0, to = 0; to < destination.Length; from += pixelBytes, to += 3)
        {
            uint pixel = pixelBytes switch
            {
                2 => BinaryPrimitives.ReadUInt16LittleEndian(source[from..]),
                3 => source[from] | ((uint)source[from + 1] << 8) | ((uint)source[from + 2] << 16),
                _ => BinaryPrimitives.ReadUInt32LittleEndian(source[from..]),
            };
            for (int c = 0; c < 3; c++)
            {
                ulong white = masks[c] >> shifts[c];
                destination[to + c] = (byte)(((pixel & masks[c]) >> shifts[c]) * byte.MaxValue / white);
            }
        }
    }

    /// <summary>One stored row without its padding to 4 bytes, which may be missing at the end of the file.</summary>
    private static ReadOnlySpan<byte> StoredRow(ReadOnlySpan<byte> file, BmpHeader header, int row)
    {
        long bits = (long)header.Width * header.BitsPerPixel;
        long stride = (bits + 31) / 32 * 4, length = (bits + 7) / 8;
        long start = header.PixelStart + (row * stride);
        if (start + length > file.Length)
            throw BmpHeader.Broken($"found {file.Length} bytes, expected row {row} of the pixels up to byte {start + length}: the file is truncated");
        return file.Slice((int)start, (int)length);
    }
}
