namespace MeLo.Edge.Onnx;

/// <summary>One operator of a graph.</summary>
internal sealed class GraphNode
{
    internal GraphNode(string name, string operatorType, string domain, IReadOnlyList<GraphValue?> inputs, IReadOnlyList<NodeAttribute> attributes)
    {
        Name = name;
        OperatorType = operatorType;
        Domain = domain;
        Inputs = inputs;
        Attributes = attributes;
    }

    /// <summary>Unique in the graph; what profiles and error messages of the runtime name.</summary>
    public string Name { get; }

    public string OperatorType { get; }

    /// <summary>The operator set; empty for ONNX's own.</summary>
    public string Domain { get; }

    /// <summary>The inputs by position; null where an optional one is left out.</summary>
    public IReadOnlyList<GraphValue?> Inputs { get; }

    public IReadOnlyList<NodeAttribute> Attributes { get; }

    public IReadOnlyList<GraphValue> Outputs { get; internal set; } = [];

    /// <summary>The only output.</summary>
    public GraphValue Output => Outputs.Single();

    /// <summary>The attribute of that name, or null when the operator's default holds.</summary>
    public NodeAttribute? Attribute(string name) => Attributes.FirstOrDefault(a => a.Name == name);

    public override string ToString() => $"{OperatorType} {Name}";
}
