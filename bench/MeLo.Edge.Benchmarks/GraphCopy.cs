using MeLo.Edge.Onnx;

namespace MeLo.Edge.Benchmarks;

/// <summary>Copies a graph part by part, for those that change something on the way.</summary>
internal static class GraphCopy
{
    /// <summary>A graph with the other's operator sets, inputs and constants, and no nodes yet.</summary>
    /// <param name="original">The other graph.</param>
    /// <param name="without">The names of inputs and constants to leave out.</param>
    public static GraphBuilder Begin(GraphBuilder original, IReadOnlySet<string>? without = null)
    {
        GraphBuilder graph = new(original.Name, original.OperatorSets[""]);
        foreach ((string domain, int version) in original.OperatorSets)
            if (domain.Length > 0) graph.UseOperatorSet(domain, version);
        foreach (GraphValue input in original.Inputs)
            if (without?.Contains(input.Name) != true) graph.Input(input.Name, input.Type, [.. input.Shape]);
        foreach (GraphValue constant in original.Initializers)
            if (without?.Contains(constant.Name) != true)
                graph.Initializer(constant.Name, constant.Type, [.. constant.Shape.Select(d => d.Size)], constant.Initializer!);
        return graph;
    }

    /// <summary>Adds a node of the other graph with inputs of this one.</summary>
    public static GraphNode Add(GraphBuilder graph, GraphNode node, IReadOnlyList<GraphValue?> inputs) =>
        graph.Node(node.OperatorType, inputs, [.. node.Outputs.Select(o => (o.Type, o.Shape))], [.. node.Attributes], node.Name, node.Domain);

    /// <summary>Makes outputs of what the other graph has as outputs.</summary>
    public static GraphBuilder End(GraphBuilder graph, GraphBuilder original)
    {
        foreach (GraphValue output in original.Outputs) graph.Output(graph[output.Name]);
        return graph;
    }
}
