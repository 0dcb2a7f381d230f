namespace MeLo.Edge.Phantoms;

/// <summary>What a sample is for.</summary>
public enum PhantomPart
{
    /// <summary>Learnt from.</summary>
    Train,

    /// <summary>Chosen by.</summary>
    Validation,

    /// <summary>Reported on.</summary>
    Test,
}

/// <summary>One sample of a set, not yet drawn.</summary>
/// <param name="Seed">What it is drawn from.</param>
/// <param name="Label">Its class.</param>
/// <param name="Part">What it is for.</param>
public readonly record struct PhantomSample(ulong Seed, int Label, PhantomPart Part);

/// <summary>Sets of samples: every class as often as any other, and of every twenty of a class 14 to train with, 3 to validate and 3 to test.</summary>
public static class PhantomSet
{
    /// <summary>What goes with every set and with whatever is made of it.</summary>
    public const string Notice = "Synthetic phantoms, not for clinical use.";

    private const int Chunk = 256;

    /// <summary>The samples of a set, class by class in turn: no seed comes twice, and sets of different seeds share none but by chance.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="classes">How many labels there are.</param>
    /// <param name="count">How many samples.</param>
    public static IReadOnlyList<PhantomSample> Of(ulong seed, int classes, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        // Of a bijection of consecutive numbers: distinct.
        ulong first = SeededRandom.Mix(seed);
        return [.. Enumerable.Range(0, count).Select(i => new PhantomSample(SeededRandom.Mix(first + (ulong)i), i % classes, Part(i / classes % 20)))];
    }

    /// <summary>Draws samples on all cores, a few at a time, and gives them in their order.</summary>
    /// <param name="samples">What to draw.</param>
    /// <param name="draw">Draws one.</param>
    /// <param name="cancellation">Ends the work.</param>
    public static IEnumerable<(PhantomSample Sample, T Drawn)> Draw<T>(IEnumerable<PhantomSample> samples, Func<PhantomSample, T> draw, CancellationToken cancellation = default)
    {
        foreach (PhantomSample[] chunk in samples.Chunk(Chunk))
        {
            cancellation.ThrowIfCancellationRequested();
            T[] drawn = new T[chunk.Length];
            Parallel.For(0, chunk.Length, i => drawn[i] = draw(chunk[i]));
            for (int i = 0; i < chunk.Length; i++) yield return (chunk[i], drawn[i]);
        }
    }

    private static PhantomPart Part(int turn) => turn switch { 6 or 12 or 18 => PhantomPart.Validation, 7 or 13 or 19 => PhantomPart.Test, _ => PhantomPart.Train };
}
