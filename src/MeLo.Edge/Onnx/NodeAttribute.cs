namespace MeLo.Edge.Onnx;

/// <summary>A named constant of a node. The kinds are those that the operators in use have; ONNX knows more.</summary>
internal abstract record NodeAttribute(string Name)
{
    public sealed record Int(string Name, long Value) : NodeAttribute(Name);

    public sealed record Float(string Name, float Value) : NodeAttribute(Name);

    public sealed record Text(string Name, string Value) : NodeAttribute(Name);

    public sealed record Ints(string Name, IReadOnlyList<long> Values) : NodeAttribute(Name);

    public sealed record Floats(string Name, IReadOnlyList<float> Values) : NodeAttribute(Name);

    // A pair of name and value reads well at the call: ("axis", -1).
    public static implicit operator NodeAttribute((string Name, long Value) pair) => new Int(pair.Name, pair.Value);

    public static implicit operator NodeAttribute((string Name, float Value) pair) => new Float(pair.Name, pair.Value);

    public static implicit operator NodeAttribute((string Name, string Value) pair) => new Text(pair.Name, pair.Value);

    public static implicit operator NodeAttribute((string Name, long[] Values) pair) => new Ints(pair.Name, pair.Values);

    public static implicit operator NodeAttribute((string Name, float[] Values) pair) => new Floats(pair.Name, pair.Values);
}
