namespace MeLo.Edge.Adapters;

/// <summary>Merging and quantising written out plainly: what <see cref="QuantizedMergeKernel"/> must reproduce bit for bit.</summary>
internal static unsafe class QuantizedMergeScalar
{
    /// <summary>Merges and quantises columns [first, first + count).</summary>
    public static void Columns(in QuantizedMergeItem item, int first, int count)
    {
        for (int o = first; o < first + count; o++)
        {
            float magnitude = 0;
            for (int i = 0; i < item.InFeatures; i++) magnitude = MathF.Max(magnitude, MathF.Abs(Merged(item, i, o))); // NaN where one is
            item.Scales[o] = QuantizedMerge.Scale(magnitude, out float inverse);
            for (int i = 0; i < item.InFeatures; i++)
                item.Destination[((long)i * item.OutFeatures) + o] = inverse == 0 ? (sbyte)0 : Round(Merged(item, i, o), inverse);
        }
    }

    /// <summary>One quantised weight.</summary>
    public static sbyte Round(float value, float inverse) => (sbyte)MathF.Round(value * inverse, MidpointRounding.ToEven);

    private static float Merged(in QuantizedMergeItem item, int i, int o)
    {
        float value = item.Pristine[((long)i * item.OutFeatures) + o];
        return item.Pair is { } pair ? value + MergeScalar.Sum(pair, item.Factor, i, o) : value;
    }
}
