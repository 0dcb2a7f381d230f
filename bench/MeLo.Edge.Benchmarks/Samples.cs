using System.Diagnostics;

namespace MeLo.Edge.Benchmarks;

/// <summary>Measurements of one side of a comparison, in milliseconds.</summary>
internal sealed class Samples
{
    private readonly List<double> _values = [];

    public int Count => _values.Count;

    public double Median => Quantile(0.5);

    public double P99 => Quantile(0.99);

    /// <summary>Half the distance between the quartiles, over the median: how far to trust it.</summary>
    public double Spread => (Quantile(0.75) - Quantile(0.25)) / 2 / Median;

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
