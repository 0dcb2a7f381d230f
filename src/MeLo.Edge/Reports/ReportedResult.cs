using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace MeLo.Edge.Reports;

/// <summary>What a report says of an image: a prediction, and what made it.</summary>
public sealed record ReportedResult
{
    /// <summary>The task.</summary>
    public required string Task { get; init; }

    /// <summary>The release of the bundle.</summary>
    public required int Release { get; init; }

    /// <summary>The label that was answered.</summary>
    public required string Label { get; init; }

    /// <summary>Every label with its probability, 0 to 1, in the order of the logits.</summary>
    public required IReadOnlyList<(string Label, double Probability)> Scores { get; init; }

    /// <summary><c>sha256:</c> and the digest of the base.</summary>
    public required string BaseDigest { get; init; }

    /// <summary><c>sha256:</c> and the digest of the bundle.</summary>
    public required string BundleDigest { get; init; }

    /// <summary>The precision and the provider, as results name them.</summary>
    public required string Arithmetic { get; init; }

    /// <summary>When it was answered.</summary>
    public required DateTimeOffset CompletedAt { get; init; }

    /// <summary>Whether labels exclude each other. Where any number of them can apply, probabilities do not add up to 1, and none of them is the answer.</summary>
    internal bool LabelsExclude => Math.Abs(Scores.Sum(s => s.Probability) - 1) < 1e-6;

    /// <summary>Of a prediction.</summary>
    /// <param name="prediction">The prediction.</param>
    /// <param name="completedAt">When it was there.</param>
    public static ReportedResult Of(Prediction prediction, DateTimeOffset completedAt) => new()
    {
        Task = prediction.Task,
        Release = prediction.Release,
        Label = prediction.Label,
        Scores = [.. prediction.Scores.Select(s => (s.Label, s.Probability))],
        BaseDigest = prediction.BaseDigest,
        BundleDigest = prediction.BundleDigest,
        Arithmetic = $"{prediction.Precision.Name()}, {prediction.Provider.Name()}",
        CompletedAt = completedAt,
    };
}
