namespace MeLo.Edge.Engine;

/// <summary>What an engine measured since it was loaded.</summary>
/// <param name="ColdSwitchMilliseconds">Switches that merged.</param>
/// <param name="WarmSwitchMicroseconds">Switches to weights that were still cached.</param>
/// <param name="InferenceMilliseconds">Runs of the graph.</param>
/// <param name="CacheBytes">Memory held by merged task weights now.</param>
/// <param name="CachedTasks">How many tasks are merged now.</param>
/// <param name="BufferBytes">All memory held for merged task weights, buffers kept ready for the next merge included.</param>
public sealed record EngineStatistics(
    LatencySummary ColdSwitchMilliseconds,
    LatencySummary WarmSwitchMicroseconds,
    LatencySummary InferenceMilliseconds,
    long CacheBytes,
    int CachedTasks,
    long BufferBytes);
