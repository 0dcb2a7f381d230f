namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>How many threads compute in a session, and what they do while there is nothing to compute.</summary>
/// <param name="Count">The threads that share one operator, the calling one included.</param>
/// <param name="Settings">The runtime's settings of its waiting threads (onnxruntime_session_options_config_keys.h).</param>
internal sealed record SessionThreads(int Count, params IReadOnlyList<(string Key, string Value)> Settings)
{
    /// <summary>What every session of ours is created with.</summary>
    /// <param name="count">As many threads; 0 takes one a core.</param>
    public static SessionThreads Of(int count) => new(count == 0 ? ProcessorCores.Count : count);

    /// <summary>Options for a session with these threads; the caller disposes of them.</summary>
    public OrtSessionOptions Options()
    {
        OrtSessionOptions options = new OrtSessionOptions().WithThreads(Count);
        foreach ((string key, string value) in Settings) options.With(key, value);
        return options;
    }
}
