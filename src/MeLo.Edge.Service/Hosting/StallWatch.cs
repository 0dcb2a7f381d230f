using System.Collections.Concurrent;

namespace MeLo.Edge.Service.Hosting;

/// <summary>
/// Knows since when each step that is running has run. A step that outlasts the limit hangs in native code, where nothing can
/// interrupt it: only a fresh process helps, and the journal knows which file it was.
/// </summary>
internal sealed class StallWatch(TimeSpan limit, TimeProvider time)
{
    private readonly ConcurrentDictionary<Step, long> _running = new();

    /// <summary>Whether a step has run for longer than the limit.</summary>
    public bool IsStalled => _running.Values.Any(since => time.GetElapsedTime(since) > limit);

    /// <summary>Begins a step; disposing it ends it.</summary>
    public IDisposable Begin()
    {
        Step step = new(this);
        _running[step] = time.GetTimestamp();
        return step;
    }

    private sealed class Step(StallWatch watch) : IDisposable
    {
        public void Dispose() => watch._running.TryRemove(this, out _);
    }
}
