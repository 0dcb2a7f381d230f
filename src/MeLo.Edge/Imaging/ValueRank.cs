namespace MeLo.Edge.Imaging;

/// <summary>The value of a rank among many, without sorting them: by counting the upper and then the lower half of their bits.</summary>
internal static class ValueRank
{
    private const int Half = 1 << 16;

    /// <summary>The value of a percentile by the nearest rank, as of a picture; 0 where there is none.</summary>
    /// <param name="values">The values; those that are NaN do not count.</param>
    /// <param name="percent">0 to 100.</param>
    public static float Percentile(ReadOnlySpan<float> values, double percent)
    {
        long[] counts = new long[Half];
        long count = 0;
        foreach (float value in values)
        {
            if (float.IsNaN(value)) continue;
            counts[Key(value) >> 16]++;
            count++;
        }
        if (count == 0) return 0;
        long rank = Math.Max(1, (long)Math.Ceiling(percent / 100 * count));
        uint upper = Find(counts, ref rank);
        Array.Clear(counts);
        foreach (float value in values)
            if (!float.IsNaN(value) && Key(value) >> 16 == upper) counts[Key(value) & (Half - 1)]++;
        return Value((upper << 16) | Find(counts, ref rank));
    }

    private static uint Find(long[] counts, ref long rank)
    {
        uint at = 0;
        for (; rank > counts[at]; at++) rank -= counts[at];
        return at;
    }

    // In the order of the values: the sign's bit turned over, of negative ones all.
    private static uint Key(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return bits >> 31 == 0 ? bits | 0x8000_0000 : ~bits;
    }

    private static float Value(uint key) => BitConverter.UInt32BitsToSingle(key >> 31 == 0 ? ~key : key & 0x7FFF_FFFF);
}
