using MeLo.Edge.Kernels;

namespace MeLo.Edge.Adapters;

/// <summary>Merging and quantising written out plainly: what <see cref="QuantizedMergeKernel"/> must reproduce bit for bit.</summary>
internal static unsafe class QuantizedMergeScalar
{
    /// <summary>Merges and quantises a panel.</summary>
    public static void Panel(in RoundedMergeItem item, int number)
    {
        byte* panel = item.Destination + (number * item.Packed.PanelBytes);
        for (int column = 0; column < PackedMatrix.PanelColumns; column++)
        {
            int o = (number * PackedMatrix.PanelColumns) + column;
            float* sum = (float*)(panel + item.Packed.SumsOffset) + column, scale = (float*)(panel + item.Packed.ScalesOffset) + column;
            int filled = item.Packed.Quads * PackedMatrix.QuadRows;
            for (int row = 0; row < filled; row += PackedMatrix.GroupRows, sum += PackedMatrix.PanelColumns, scale += PackedMatrix.PanelColumns)
            {
                int end = Math.Min(row + PackedMatrix.GroupRows, filled);
                float magnitude = 0;
                for (int i = row; i < end; i++) magnitude = MathF.Max(magnitude, MathF.Abs(Merged(item, i, o))); // NaN where one is
                *scale = QuantizedMerge.Scale(magnitude, out float inverse);
                *sum = 0;
                for (int i = row; i < end; i++)
                {
                    sbyte value = inverse == 0 ? (sbyte)0 : Round(Merged(item, i, o), inverse);
                    ((sbyte*)panel)[PackedMatrix.WeightOffset(i, column)] = value;
                    *sum += value;
                }
            }
        }
    }

    /// <summary>One quantised weight.</summary>
    public static sbyte Round(float value, float inverse) => (sbyte)MathF.Round(value * inverse, MidpointRounding.ToEven);

    private static float Merged(in RoundedMergeItem item, int i, int o)
    {
        if (i >= item.InFeatures || o >= item.OutFeatures) return 0;
        float value = item.Pristine[((long)i * item.OutFeatures) + o];
        return item.Pair is { } pair ? value + MergeScalar.Sum(pair, item.Factor, i, o) : value;
    }
}
