namespace MeLo.Edge.Phantoms;

/// <summary>
/// Writes lossless WebP files (RFC 9649, section 3): every sample a Huffman code of 8 bits, no transform, no references; compression is not
/// the point here.
/// </summary>
public static class WebpFile
{
    private const int GreenSymbols = 256 + 24; // literals, and the lengths of references that never occur

    /// <summary>The whole file.</summary>
    public static byte[] Write(Picture picture)
    {
        BitWriter bits = new();
        bits.Write(0x2F, 8);
        bits.Write(picture.Width - 1, 14);
        bits.Write(picture.Height - 1, 14);
        bits.Write(0, 1); // alpha is not used
        bits.Write(0, 3); // version
        bits.Write(0, 1); // no transform
        bits.Write(0, 1); // no colour cache
        bits.Write(0, 1); // one group of codes for the whole picture
        EightBitCode(bits, GreenSymbols);
        EightBitCode(bits, 256);
        EightBitCode(bits, 256);
        OneSymbol(bits, 255); // alpha
        OneSymbol(bits, 0); // distances
        for (int y = 0; y < picture.Height; y++)
        {
            for (int x = 0; x < picture.Width; x++)
            {
                bits.WriteReversed(picture.Byte(x, y, 1));
                bits.WriteReversed(picture.Byte(x, y, 0));
                bits.WriteReversed(picture.Byte(x, y, 2));
            }
        }
        byte[] data = bits.ToArray();
        int padded = data.Length + (data.Length & 1);
        using MemoryStream file = new();
        using BinaryWriter writer = new(file);
        writer.Write("RIFF"u8);
        writer.Write(12 + padded);
        writer.Write("WEBPVP8L"u8);
        writer.Write(data.Length);
        writer.Write(data);
        if (padded != data.Length) writer.Write((byte)0);
        writer.Flush();
        return file.ToArray();
    }

    // The lengths of a code are themselves coded: here with two symbols of one bit, "8" (0) and "11 or more zeros" (1).
    private static void EightBitCode(BitWriter bits, int symbols)
    {
        bits.Write(0, 1); // not a simple code
        bits.Write(12 - 4, 4); // as many lengths as it takes to reach "8" in the order 17 18 0 1 2 3 4 5 16 6 7 8
        for (int i = 0; i < 12; i++) bits.Write(i is 1 or 11 ? 1 : 0, 3);
        bits.Write(0, 1); // lengths for the whole alphabet follow
        for (int i = 0; i < 256; i++) bits.Write(0, 1);
        if (symbols == 256) return;
        bits.Write(1, 1);
        bits.Write(symbols - 256 - 11, 7);
    }

    private static void OneSymbol(BitWriter bits, int symbol)
    {
        bits.Write(1, 1); // a simple code
        bits.Write(0, 1); // of one symbol
        bits.Write(1, 1); // written with 8 bits
        bits.Write(symbol, 8);
    }

    private sealed class BitWriter
    {
        private readonly List<byte> _bytes = [];
        private int _byte;
        private int _count;

        // The least significant bit first.
        public void Write(int value, int length)
        {
            for (int i = 0; i < length; i++)
            {
                _byte |= ((value >> i) & 1) << _count;
                if (++_count < 8) continue;
                _bytes.Add((byte)_byte);
                (_byte, _count) = (0, 0);
            }
        }

        // Huffman codes are written from their most significant bit.
        public void WriteReversed(byte code)
        {
            for (int i = 7; i >= 0; i--) Write(code >> i, 1);
        }

        public byte[] ToArray()
        {
            if (_count > 0) _bytes.Add((byte)_byte);
            (_byte, _count) = (0, 0);
            return [.. _bytes];
        }
    }
}
