namespace MeLo.Edge.Phantoms;

/// <summary>
/// Writes baseline JPEG files (ITU-T T.81), gray or YCbCr without subsampling. The Huffman codes are all of one length, which is valid and
/// needs no tables; compression is not the point here.
/// </summary>
public static class JpegFile
{
    private const int Quantum = 2; // for every coefficient
    private const int DcBits = 4;
    private const int AcBits = 8;

    private static readonly int[] s_zigzag = Zigzag();

    // The cosine transform's [frequency, position].
    private static readonly double[] s_cosines = [.. Enumerable.Range(0, 64).Select(i => Curve.Cos(((2 * (i % 8)) + 1) * (i / 8) / 32.0))];

    // Every (run of zeros, size) that baseline coding can need, in the order of their codes.
    private static readonly byte[] s_acSymbols =
        [0x00, 0xF0, .. from run in Enumerable.Range(0, 16) from size in Enumerable.Range(1, 10) select (byte)((run << 4) | size)];

    /// <summary>The whole file.</summary>
    public static byte[] Write(Picture picture)
    {
        using MemoryStream file = new();
        file.Write([0xFF, 0xD8]);
        Segment(file, 0xDB, [0, .. Enumerable.Repeat((byte)Quantum, 64)]);
        byte[] frame = [8, (byte)(picture.Height >> 8), (byte)picture.Height, (byte)(picture.Width >> 8), (byte)picture.Width, (byte)picture.Channels];
        Segment(file, 0xC0, [.. frame, .. Enumerable.Range(1, picture.Channels).SelectMany(c => new byte[] { (byte)c, 0x11, 0 })]);
        Segment(file, 0xC4, [0x00, .. Lengths(DcBits, 12), .. Enumerable.Range(0, 12).Select(i => (byte)i)]);
        Segment(file, 0xC4, [0x10, .. Lengths(AcBits, s_acSymbols.Length), .. s_acSymbols]);
        Segment(file, 0xDA, [(byte)picture.Channels, .. Enumerable.Range(1, picture.Channels).SelectMany(c => new byte[] { (byte)c, 0 }), 0, 63, 0]);
        Scan(file, picture);
        file.Write([0xFF, 0xD9]);
        return file.ToArray();
    }

    private static void Scan(MemoryStream file, Picture picture)
    {
        BitWriter bits = new(file);
        int[] previous = new int[picture.Channels];
        double[] block = new double[64];
        for (int by = 0; by < picture.Height; by += 8)
        {
            for (int bx = 0; bx < picture.Width; bx += 8)
            {
                for (int c = 0; c < picture.Channels; c++)
                {
                    for (int i = 0; i < 64; i++)
                        block[i] = Sample(picture, Math.Min(bx + (i % 8), picture.Width - 1), Math.Min(by + (i / 8), picture.Height - 1), c) - 128;
                    Block(bits, block, ref previous[c]);
                }
            }
        }
        bits.Flush();
    }

    private static void Block(BitWriter bits, double[] block, ref int previous)
    {
        int[] coefficients = new int[64];
        for (int v = 0; v < 8; v++)
        {
            for (int u = 0; u < 8; u++)
            {
                double sum = 0;
                for (int i = 0; i < 64; i++)
                    sum += block[i] * s_cosines[(u * 8) + (i % 8)] * s_cosines[(v * 8) + (i / 8)];
                double scale = (u == 0 ? Math.Sqrt(0.5) : 1) * (v == 0 ? Math.Sqrt(0.5) : 1) / 4;
                coefficients[(v * 8) + u] = (int)Math.Round(sum * scale / Quantum);
            }
        }
        int difference = coefficients[0] - previous;
        previous = coefficients[0];
        bits.Write(Size(difference), DcBits);
        Magnitude(bits, difference);
        int run = 0;
        for (int k = 1; k < 64; k++)
        {
            int value = coefficients[s_zigzag[k]];
            if (value == 0)
            {
                run++;
                continue;
            }
            for (; run > 15; run -= 16) Symbol(bits, 0xF0);
            Symbol(bits, (byte)((run << 4) | Size(value)));
            Magnitude(bits, value);
            run = 0;
        }
        if (run > 0) Symbol(bits, 0x00);
    }

    // ITU-T T.871 (JFIF).
    private static double Sample(Picture picture, int x, int y, int component)
    {
        if (picture.Channels == 1) return picture.Byte(x, y, 0);
        double r = picture.Byte(x, y, 0), g = picture.Byte(x, y, 1), b = picture.Byte(x, y, 2);
        return component switch
        {
            0 => (0.299 * r) + (0.587 * g) + (0.114 * b),
            1 => 128 - (0.168736 * r) - (0.331264 * g) + (0.5 * b),
            _ => 128 + (0.5 * r) - (0.418688 * g) - (0.081312 * b),
        };
    }

    private static void Symbol(BitWriter bits, byte symbol) => bits.Write(Array.IndexOf(s_acSymbols, symbol), AcBits);

    private static int Size(int value) => value == 0 ? 0 : 32 - System.Numerics.BitOperations.LeadingZeroCount((uint)Math.Abs(value));

    private static void Magnitude(BitWriter bits, int value)
    {
        int size = Size(value);
        bits.Write(value < 0 ? value + (1 << size) - 1 : value, size);
    }

    private static byte[] Lengths(int bits, int count)
    {
        byte[] lengths = new byte[16];
        lengths[bits - 1] = (byte)count;
        return lengths;
    }

    private static void Segment(MemoryStream file, byte marker, byte[] data)
    {
        int length = data.Length + 2;
        file.Write([0xFF, marker, (byte)(length >> 8), (byte)length]);
        file.Write(data);
    }

    private static int[] Zigzag() =>
        [.. Enumerable.Range(0, 64).OrderBy(i => (i / 8) + (i % 8)).ThenBy(i => ((i / 8) + (i % 8)) % 2 == 0 ? i % 8 : i / 8)];

    private sealed class BitWriter(MemoryStream file)
    {
        private int _byte;
        private int _count;

        public void Write(int value, int length)
        {
            for (int i = length - 1; i >= 0; i--)
            {
                _byte = (_byte << 1) | ((value >> i) & 1);
                if (++_count == 8) Emit();
            }
        }

        public void Flush()
        {
            while (_count > 0) Write(1, 1); // padding is ones
        }

        private void Emit()
        {
            file.WriteByte((byte)_byte);
            if (_byte == 0xFF) file.WriteByte(0);
            (_byte, _count) = (0, 0);
        }
    }
}
