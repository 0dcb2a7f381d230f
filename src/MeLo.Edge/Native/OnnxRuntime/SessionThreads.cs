namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>How many threads compute in a session, and what they do while there is nothing to compute.</summary>
/// <param name="Count">The threads that share one operator, the calling one included.</param>
/// <param name="Settings">The runtime's settings of its waiting threads (onnxruntime_session_options_config_keys.h).</param>
internal sealed record SessionThreads(int Count, params IReadOnlyList<(string Key, string Value)> Settings)
{
    // Long enough for the time between two operators of a run, a few microseconds, so that a run hardly ever waits for a thread to wake; short
    // enough that a thread without work leaves its core at once: to a decoder, to other programs, to sleep (docs/decisions/0009-threads.md).
    private const string SpinMicroseconds = "50";

    /// <summary>What every session of ours is created with.</summary>
    /// <param name="count">As many threads; 0 takes one a core.</param>
    public static SessionThreads Of(int count) => new(ProcessorCores.Threads(count), ("session.intra_op.spin_duration_us", SpinMicroseconds));

    /// <summary>Options for a session with these threads; the caller disposes of them.</summary>
    public OrtSessionOptions Options()
    {
        OrtSessionOptions options = new OrtSessionOptions().WithThreads(Count);
        foreach ((string key, string value) in Settings) options.With(key, value);
        return options;
    }
}
