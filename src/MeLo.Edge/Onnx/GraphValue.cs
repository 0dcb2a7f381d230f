using MeLo.Edge.Tensors;

namespace MeLo.Edge.Onnx;

/// <summary>A value of a graph: an input, an initializer or the output of a node. Its type and shape are always known.</summary>
internal sealed class GraphValue
{
    internal GraphValue(GraphBuilder graph, string name, ElementType type, IReadOnlyList<Dimension> shape)
    {
        Graph = graph;
        Name = name;
        Type = type;
        Shape = shape;
    }

    /// <summary>The graph that the value belongs to.</summary>
    public GraphBuilder Graph { get; }

    public string Name { get; }

    public ElementType Type { get; }

    /// <summary>The dimensions, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<Dimension> Shape { get; }

    public int Rank => Shape.Count;

    /// <summary>The node whose output this is; null for inputs and initializers.</summary>
    public GraphNode? Producer { get; internal init; }

    /// <summary>Where the data of an initializer is; null for every other value.</summary>
    public InitializerData? Initializer { get; internal init; }

    /// <summary>The dimension at <paramref name="axis"/>; negative axes count from the end, as ONNX has it.</summary>
    public Dimension this[int axis] => Shape[axis < 0 ? Rank + axis : axis];

    public override string ToString() => $"{Name} {Dimension.Text(Shape)}";
}
