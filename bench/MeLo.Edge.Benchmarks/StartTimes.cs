using System.Diagnostics;

namespace MeLo.Edge.Benchmarks;

/// <summary>When a process began and answered, in counts of the machine's clock, and what its stages took, in milliseconds.</summary>
internal sealed class StartTimes(long begun)
{
    public long Begun { get; } = begun;

    public long Answered { get; set; }

    public Dictionary<string, double> Stages { get; init; } = [];

    public void Answer() => Answered = Stopwatch.GetTimestamp();

    public T Time<T>(string stage, Func<T> action)
    {
        long start = Stopwatch.GetTimestamp();
        T result = action();
        Stages.Add(stage, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        return result;
    }

    public async Task<T> TimeAsync<T>(string stage, Func<Task<T>> action)
    {
        long start = Stopwatch.GetTimestamp();
        T result = await action();
        Stages.Add(stage, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        return result;
    }
}
