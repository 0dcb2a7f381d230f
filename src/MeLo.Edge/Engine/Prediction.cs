using MeLo.Edge.Models;

namespace MeLo.Edge.Engine;

/// <summary>One class of a prediction.</summary>
/// <param name="Label">The class's label, from the bundle.</param>
/// <param name="Logit">The head's output.</param>
/// <param name="Probability">The activation of the logits, from 0 to 1.</param>
public sealed record ClassScore(string Label, float Logit, double Probability);

/// <summary>How long the parts of a prediction took.</summary>
/// <param name="DecodeMilliseconds">From the file's bytes to pixels.</param>
/// <param name="PreprocessMilliseconds">From pixels to the network's input.</param>
/// <param name="Switch">Changing to the task.</param>
/// <param name="InferenceMilliseconds">The run of the graph, for all images that shared it.</param>
/// <param name="BatchSize">How many images shared the run.</param>
/// <param name="IsMixed">Whether they were of several tasks, with the adapters beside the weights instead of merged into them.</param>
public sealed record PredictionTiming(
    double DecodeMilliseconds, double PreprocessMilliseconds, SwitchTiming Switch, double InferenceMilliseconds, int BatchSize = 1, bool IsMixed = false);

/// <summary>What a model said about an image, and which model it was.</summary>
public sealed record Prediction
{
    /// <summary>The task that was asked.</summary>
    public required string Task { get; init; }

    /// <summary>The task's release that answered.</summary>
    public required int Release { get; init; }

    /// <summary>The most probable class.</summary>
    public required string Label { get; init; }

    /// <summary>Its probability, from 0 to 1.</summary>
    public required double Probability { get; init; }

    /// <summary>Every class in the order of the bundle's labels.</summary>
    public required IReadOnlyList<ClassScore> Scores { get; init; }

    /// <summary>The base's digest, <c>sha256:…</c>.</summary>
    public required string BaseDigest { get; init; }

    /// <summary>The digest of the bundle file, <c>sha256:…</c>.</summary>
    public required string BundleDigest { get; init; }

    /// <summary>The precision of the graph that ran.</summary>
    public required Precision Precision { get; init; }

    /// <summary>Where it ran.</summary>
    public required ExecutionProvider Provider { get; init; }

    /// <summary>How long it took.</summary>
    public required PredictionTiming Timing { get; init; }
}
