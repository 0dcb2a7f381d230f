using MeLo.Edge.Adapters;

namespace MeLo.Edge.Models;

/// <summary>What of a Vision Transformer is an input of its training graph, to be differentiated by; everything else is constant.</summary>
internal sealed record VitTrainable
{
    /// <summary>Whether every weight of the base is an input, under its canonical name and in its shape.</summary>
    public bool Base { get; init; }

    /// <summary>The linears of every block that have a low-rank pair beside their weight: x·W + scale·(x·A)·B.</summary>
    public IReadOnlyList<VitLinear> Lora { get; init; } = [];

    /// <summary>The columns of A and rows of B.</summary>
    public int Rank { get; init; }

    /// <summary>What (x·A)·B is multiplied by: alpha / rank.</summary>
    public float Scale { get; init; }
}
