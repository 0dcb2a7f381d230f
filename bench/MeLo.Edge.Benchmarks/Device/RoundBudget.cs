using System.Diagnostics;

namespace MeLo.Edge.Benchmarks;

/// <summary>How many rounds are measured on a device: until the time is over, but never fewer than five nor more than were asked for.</summary>
internal sealed class RoundBudget(BenchmarkOptions.Settings settings)
{
    private const int Least = 5;

    private long _start;

    /// <summary>The rounds begun so far.</summary>
    public int Rounds { get; private set; }

    /// <summary>Begins another round, if there is to be one.</summary>
    public bool Next()
    {
        if (Rounds == 0) _start = Stopwatch.GetTimestamp();
        double seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        if (Rounds >= settings.Rounds || (Rounds >= Least && seconds > settings.Seconds)) return false;
        Rounds++;
        Progress.Show($"round {Rounds}, {seconds:F0} of {settings.Seconds} s");
        return true;
    }

    /// <summary>Whether so many seconds are too many for one run of one side, of which every round has several.</summary>
    public bool IsTooLong(TimeSpan run) => run > Longest;

    /// <summary>What one run of one side may take.</summary>
    public TimeSpan Longest => TimeSpan.FromSeconds(settings.Seconds / (5 * Least));
}
