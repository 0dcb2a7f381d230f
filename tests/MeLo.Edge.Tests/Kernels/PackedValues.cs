using System.Buffers.Binary;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>A quantised matrix element by element, and its bytes laid out as <see cref="PackedMatrix"/>'s description says, in plain loops.</summary>
internal sealed class PackedValues(int inFeatures, int outFeatures)
{
    /// <summary>[in, out].</summary>
    public sbyte[] Values { get; } = new sbyte[inFeatures * outFeatures];

    /// <summary>[groups, out].</summary>
    public float[] Scales { get; } = new float[(inFeatures + 255) / 256 * outFeatures];

    public int InFeatures { get; } = inFeatures;

    public int OutFeatures { get; } = outFeatures;

    /// <summary>Weights anywhere in their range with scales around one over their number.</summary>
    public static PackedValues Random(int inFeatures, int outFeatures, int seed)
    {
        Random random = new(seed);
        PackedValues matrix = new(inFeatures, outFeatures);
        for (int i = 0; i < matrix.Values.Length; i++) matrix.Values[i] = (sbyte)random.Next(-127, 128);
        for (int i = 0; i < matrix.Scales.Length; i++) matrix.Scales[i] = (0.5f + random.NextSingle()) / (127 * MathF.Sqrt(inFeatures));
        return matrix;
    }

    public static PackedValues Read(ReadOnlySpan<byte> packed, int inFeatures, int outFeatures)
    {
        PackedValues matrix = new(inFeatures, outFeatures);
        for (int o = 0; o < outFeatures; o++)
        {
            ReadOnlySpan<byte> panel = packed[matrix.Panel(o)..];
            for (int group = 0; group < matrix.Groups; group++)
                matrix.Scales[(group * outFeatures) + o] = BinaryPrimitives.ReadSingleLittleEndian(panel[matrix.ScaleAt(group, o)..]);
            for (int i = 0; i < inFeatures; i++) matrix.Values[(i * outFeatures) + o] = (sbyte)panel[Weight(i, o)];
        }
        return matrix;
    }

    /// <summary>Columns that fill up a panel have zeros and scale 1; rows that fill up a quad have zeros.</summary>
    public byte[] Pack()
    {
        int panels = (OutFeatures + 63) / 64;
        byte[] packed = new byte[panels * PanelBytes];
        for (int o = 0; o < panels * 64; o++)
        {
            Span<byte> panel = packed.AsSpan(Panel(o));
            for (int group = 0; group < Groups; group++)
            {
                BinaryPrimitives.WriteSingleLittleEndian(panel[ScaleAt(group, o)..], o < OutFeatures ? Scales[(group * OutFeatures) + o] : 1);
                if (o >= OutFeatures) continue;
                int sum = 0;
                for (int i = group * 256; i < Math.Min(InFeatures, (group + 1) * 256); i++)
                {
                    panel[Weight(i, o)] = (byte)Values[(i * OutFeatures) + o];
                    sum += Values[(i * OutFeatures) + o];
                }
                BinaryPrimitives.WriteSingleLittleEndian(panel[(SumsAt + (((group * 64) + (o % 64)) * 4))..], sum);
            }
        }
        return packed;
    }

    private int Groups => (InFeatures + 255) / 256;

    private int SumsAt => (InFeatures + 3) / 4 * 4 * 64;

    private int ScalesAt => SumsAt + (Groups * 64 * 4);

    private int PanelBytes => ScalesAt + (Groups * 64 * 4);

    private int ScaleAt(int group, int column) => ScalesAt + (((group * 64) + (column % 64)) * 4);

    private int Panel(int column) => column / 64 * PanelBytes;

    private static int Weight(int row, int column) => (((row / 4 * 64) + (column % 64)) * 4) + (row % 4);
}
