using MeLo.Edge.Adapters;

namespace MeLo.Edge.Training.Graphs;

/// <summary>What a training graph is built for.</summary>
internal sealed record TrainingGraphOptions
{
    /// <summary>What learns.</summary>
    public required TrainingMode Mode { get; init; }

    /// <summary>The rank of the low-rank matrices; with <see cref="TrainingMode.Lora"/> alone.</summary>
    public int Rank { get; init; } = 4;

    /// <summary>What their product is scaled by, times the rank: alpha / rank.</summary>
    public double Alpha { get; init; } = 4;

    /// <summary>The linears that have them.</summary>
    public IReadOnlyList<VitLinear> Targets { get; init; } = [VitLinear.Query, VitLinear.Value];

    /// <summary>The outputs of the head.</summary>
    public required int Classes { get; init; }

    public LossKind Loss { get; init; } = LossKind.CrossEntropy;

    /// <summary>The images of one sample, whose logits are averaged: 1 for pictures, the slices of a volume.</summary>
    public int Slices { get; init; } = 1;
}
