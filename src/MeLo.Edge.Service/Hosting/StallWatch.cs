using System.Collections.Concurrent;

namespace MeLo.Edge.Service.Hosting;

/// <summary>
/// Knows since when each step that is running has run. A step that outlasts the limit hangs in native code, where nothing can
/// interrupt it: only a fresh process helps, and the journal knows which file it was.
/// </summary>
internal sealed class StallWatch(TimeSpan limit, TimeProvider time)
{
    // Far above what a picture takes on the slowest device.
    private static readonly TimeSpan s_morePictures = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<Step, long> _running = new();

    /// <summary>Whether a step has run for longer than its limit.</summary>
    public bool IsStalled => _running.Any(running => time.GetElapsedTime(running.Value) > limit + ((running.Key.Pictures - 1) * s_morePictures));

    /// <summary>Begins a step; disposing it ends it.</summary>
    /// <param name="pictures">How many pictures it works on, one after the other: the slices of a volume.</param>
    public IDisposable Begin(int pictures = 1)
    {
        Step step = new(this, pictures);
        _running[step] = time.GetTimestamp();
        return step;
    }

    private sealed class Step(StallWatch watch, int pictures) : IDisposable
    {
        public int Pictures => pictures;

        public void Dispose() => watch._running.TryRemove(this, out _);
    }
}
