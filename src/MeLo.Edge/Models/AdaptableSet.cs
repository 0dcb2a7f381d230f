using MeLo.Edge.Adapters;

namespace MeLo.Edge.Models;

/// <summary>Which linears of a base adapters may change.</summary>
public enum AdaptableSet
{
    /// <summary>Query and value, as MeLo and LoRA-ViT do.</summary>
    QueryValue,
    /// <summary>Every linear of every block, for PEFT adapters.</summary>
    All,
}

/// <summary>The names and members of <see cref="AdaptableSet"/> values.</summary>
public static class AdaptableSets
{
    /// <summary>The linears of one block that the set holds.</summary>
    public static IReadOnlyList<VitLinear> Linears(this AdaptableSet set) => set switch
    {
        AdaptableSet.QueryValue => [VitLinear.Query, VitLinear.Value],
        AdaptableSet.All => VitLinears.All,
        _ => throw new ArgumentOutOfRangeException(nameof(set), set, "Not a set of linears."),
    };

    /// <summary>Recognises <c>qv</c> and <c>all</c>.</summary>
    /// <exception cref="ModelException">Anything else.</exception>
    public static AdaptableSet Parse(string name) => name switch
    {
        "qv" => AdaptableSet.QueryValue,
        "all" => AdaptableSet.All,
        _ => throw ModelException.Option("adapt", $"found '{name}', expected qv or all"),
    };
}
