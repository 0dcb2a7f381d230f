namespace MeLo.Edge.Engine;

/// <summary>A summary of the most recent measurements of one kind.</summary>
/// <param name="Count">All measurements since the engine was loaded.</param>
/// <param name="P50">The median of the most recent ones, in the unit that the property's name says.</param>
/// <param name="P99">Their 99th percentile.</param>
/// <param name="Max">The largest of them.</param>
public readonly record struct LatencySummary(long Count, double P50, double P99, double Max);

/// <summary>Keeps the most recent measurements and counts all of them. Thread-safe.</summary>
internal sealed class LatencyWindow
{
    // Enough for a 99th percentile that does not hang on one sample; 8 KiB a kind.
    private const int Capacity = 1024;

    private readonly Lock _lock = new();
    private readonly double[] _recent = new double[Capacity];
    private long _count;

    public void Add(double value)
    {
        lock (_lock) _recent[_count++ % Capacity] = value;
    }

    public LatencySummary Summarize()
    {
        double[] sorted;
        long count;
        lock (_lock)
        {
            count = _count;
            sorted = _recent[..(int)Math.Min(count, Capacity)];
        }
        if (sorted.Length == 0) return default;
        Array.Sort(sorted);
        return new LatencySummary(count, Quantile(sorted, 0.50), Quantile(sorted, 0.99), sorted[^1]);
    }

    // Nearest rank: always a value that was measured.
    private static double Quantile(double[] sorted, double q) => sorted[Math.Max(0, (int)Math.Ceiling(q * sorted.Length) - 1)];
}
