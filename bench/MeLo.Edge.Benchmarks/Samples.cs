using System.Diagnostics;

namespace MeLo.Edge.Benchmarks;

/// <summary>Measurements of one side of a comparison, in milliseconds.</summary>
internal sealed class Samples
{
    private readonly List<double> _values = [];

    public double Median => Quantile(0.5);

    public double P99 => Quantile(0.99);

    /// <summary>Half the distance between the quartiles, over the median: how far to trust it.</summary>
    public double Spread => (Quantile(0.75) - Quantile(0.25)) / 2 / Median;

    /// <summary>
    /// The median of the ratios round by round to another side of the same rounds: what slows the machine down for a while slows both
    /// sides of a round, and drops out.
    /// </summary>
    public double Over(Samples other)
    {
        Samples ratios = new();
        foreach ((double mine, double theirs) in _values.Zip(other._values)) ratios.Add(mine / theirs);
        return ratios.Median;
    }

    /// <summary>What is left, round by round, without the other side's time.</summary>
    public Samples Without(Samples other)
    {
        Samples rest = new();
        foreach ((double mine, double theirs) in _values.Zip(other._values)) rest.Add(mine - theirs);
        return rest;
    }

    public void Add(double milliseconds) => _values.Add(milliseconds);

    /// <summary>Times one call.</summary>
    public void Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    private double Quantile(double q)
    {
        double[] sorted = [.. _values.Order()];
        double position = q * (sorted.Length - 1);
        int low = (int)position;
        return low + 1 < sorted.Length ? double.Lerp(sorted[low], sorted[low + 1], position - low) : sorted[low];
    }
}
