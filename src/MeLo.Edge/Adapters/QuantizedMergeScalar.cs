using MeLo.Edge.Kernels;

namespace MeLo.Edge.Adapters;

/// <summary>Merging and quantising written out plainly: what <see cref="QuantizedMergeKernel"/> must reproduce bit for bit.</summary>
internal static unsafe class QuantizedMergeScalar
{
    /// <summary>Merges and quantises panels [first, first + count).</summary>
    public static void Panels(in QuantizedMergeItem item, int first, int count)
    {
        for (int o = first * PackedMatrix.PanelColumns; o < (first + count) * PackedMatrix.PanelColumns; o++)
        {
            byte* panel = item.Destination + (o / PackedMatrix.PanelColumns * item.Shape.PanelBytes);
            int column = o % PackedMatrix.PanelColumns;
            float* sums = (float*)(panel + item.Shape.SumsOffset) + column;
            float magnitude = 0;
            for (int i = 0; i < item.InFeatures; i++) magnitude = MathF.Max(magnitude, MathF.Abs(Merged(item, i, o))); // NaN where one is
            ((float*)(panel + item.Shape.ScalesOffset))[column] = QuantizedMerge.Scale(magnitude, out float inverse);
            for (int group = 0; group < item.Shape.Groups; group++) sums[group * PackedMatrix.PanelColumns] = 0;
            for (int i = 0; i < item.Shape.Quads * PackedMatrix.QuadRows; i++)
            {
                sbyte value = inverse == 0 || i >= item.InFeatures ? (sbyte)0 : Round(Merged(item, i, o), inverse);
                ((sbyte*)panel)[PackedMatrix.WeightOffset(i, column)] = value;
                sums[i / PackedMatrix.GroupRows * PackedMatrix.PanelColumns] += value;
            }
        }
    }

    /// <summary>One quantised weight.</summary>
    public static sbyte Round(float value, float inverse) => (sbyte)MathF.Round(value * inverse, MidpointRounding.ToEven);

    private static float Merged(in QuantizedMergeItem item, int i, int o)
    {
        if (o >= item.OutFeatures) return 0;
        float value = item.Pristine[((long)i * item.OutFeatures) + o];
        return item.Pair is { } pair ? value + MergeScalar.Sum(pair, item.Factor, i, o) : value;
    }
}
