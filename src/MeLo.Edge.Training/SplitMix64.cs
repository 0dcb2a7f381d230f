namespace MeLo.Edge.Training;

/// <summary>
/// The generator behind every random choice of training: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). Written out here, so that a seed means
/// the same on every platform and in every version of .NET. A value type: a copy goes on from where the original is.
/// </summary>
internal struct SplitMix64(ulong seed)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = seed;

    /// <summary>A seed out of several numbers, such as a run's seed, an epoch and a sample: other numbers, or the same ones in another order, give an unrelated one.</summary>
    public static ulong Seed(params ReadOnlySpan<ulong> parts)
    {
        ulong state = (ulong)parts.Length;
        foreach (ulong part in parts) state = Finalize(state ^ Finalize(part + Golden)) + Golden;
        return Finalize(state);
    }

    /// <summary>The next 64 bits.</summary>
    public ulong Next() => Finalize(_state += Golden);

    /// <summary>A number from 0 to below 1, of 53 bits.</summary>
    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number from one to below the other.</summary>
    public double Between(double from, double to) => from + ((to - from) * Unit());

    /// <summary>A whole number from 0 to below <paramref name="count"/>, which is at least 1. Some are more probable than others by 2^-32 at most.</summary>
    public int Below(int count) => (int)((Next() >> 32) * (ulong)count >> 32);

    /// <summary>Brings values into random order (Fisher and Yates, as Knuth's algorithm P).</summary>
    public void Shuffle<T>(Span<T> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int other = Below(i + 1);
            (values[i], values[other]) = (values[other], values[i]);
        }
    }

    private static ulong Finalize(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
