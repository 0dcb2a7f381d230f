namespace MeLo.Edge.Adapters;

/// <summary>The linear layers of one transformer block that an adapter may change.</summary>
public enum VitLinear
{
    /// <summary>The query projection, [dim, dim].</summary>
    Query,
    /// <summary>The key projection, [dim, dim].</summary>
    Key,
    /// <summary>The value projection, [dim, dim].</summary>
    Value,
    /// <summary>The projection after attention, [dim, dim].</summary>
    Output,
    /// <summary>The MLP's first layer, dim to MLP width.</summary>
    Fc1,
    /// <summary>The MLP's second layer, MLP width to dim.</summary>
    Fc2,
}

/// <summary>The names of <see cref="VitLinear"/> values in files: <c>query key value output fc1 fc2</c>.</summary>
public static class VitLinears
{
    /// <summary>Every linear, in the order of the enumeration.</summary>
    public static IReadOnlyList<VitLinear> All { get; } = Enum.GetValues<VitLinear>();

    /// <summary>The name that files use.</summary>
    public static string Name(this VitLinear linear) => linear switch
    {
        VitLinear.Query => "query",
        VitLinear.Key => "key",
        VitLinear.Value => "value",
        VitLinear.Output => "output",
        VitLinear.Fc1 => "fc1",
        VitLinear.Fc2 => "fc2",
        _ => throw new ArgumentOutOfRangeException(nameof(linear), linear, "Not a linear of a ViT block."),
    };

    /// <summary>Recognises a file's name for a linear; names are case-sensitive.</summary>
    public static bool TryParse(ReadOnlySpan<char> name, out VitLinear linear)
    {
        foreach (VitLinear candidate in All)
        {
            if (!name.SequenceEqual(candidate.Name())) continue;
            linear = candidate;
            return true;
        }
        linear = default;
        return false;
    }
}
