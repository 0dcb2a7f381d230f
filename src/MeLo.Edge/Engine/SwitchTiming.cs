namespace MeLo.Edge.Engine;

/// <summary>Whether a switch had to merge.</summary>
public enum SwitchKind
{
    /// <summary>The task weights were still cached.</summary>
    Warm,
    /// <summary>The task weights were merged (or a merge under way was awaited) before the run could start.</summary>
    Cold,
}

/// <summary>What it took from the decision for a task until a run with its weights could start.</summary>
/// <param name="Kind">Cold if a merge was part of it.</param>
/// <param name="TaskChanged">Whether the engine's run before this one was for other weights; false means that nothing had to change.</param>
/// <param name="LookupMicroseconds">Finding the weights in the cache, or waiting for a merge that was already under way.</param>
/// <param name="AllocateMicroseconds">Obtaining a buffer for merged weights; 0 when warm.</param>
/// <param name="MergeMicroseconds">W' = W + s·B·A for every adapted matrix; 0 when warm.</param>
/// <param name="BindMicroseconds">Describing the merged matrices to the runtime; 0 when warm.</param>
/// <param name="TotalMicroseconds">From the decision to the moment the run could start.</param>
public sealed record SwitchTiming(
    SwitchKind Kind,
    bool TaskChanged,
    double LookupMicroseconds,
    double AllocateMicroseconds,
    double MergeMicroseconds,
    double BindMicroseconds,
    double TotalMicroseconds)
{
    /// <summary>Nothing had to change.</summary>
    internal static SwitchTiming None { get; } = new(SwitchKind.Warm, TaskChanged: false, 0, 0, 0, 0, 0);
}
