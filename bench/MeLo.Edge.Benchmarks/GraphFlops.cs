using System.Globalization;
using MeLo.Edge.Onnx;

namespace MeLo.Edge.Benchmarks;

/// <summary>The multiplications and additions of a graph's matrix products, counted node by node: what is not computed is not counted.</summary>
internal static class GraphFlops
{
    /// <param name="graph">The graph.</param>
    /// <param name="batch">The size of the dimension <c>batch</c>, the only one that the graph leaves open; products with it are named so, <c>batch*197</c>.</param>
    public static double Of(GraphBuilder graph, int batch)
    {
        return graph.Nodes.Sum(Flops);

        double Flops(GraphNode node) => node.OperatorType switch
        {
            "MatMul" => 2 * node.Output.Shape.Aggregate(1.0, (product, d) => product * Size(d)) * Size(node.Inputs[0]![-1]),
            "Gemm" => 2 * node.Output.Shape.Aggregate(1.0, (product, d) => product * Size(d)) * Size(node.Inputs[0]![node.Attribute("transA") is NodeAttribute.Int { Value: not 0 } ? 0 : 1]),
            "Conv" => throw new NotSupportedException($"'{node.Name}' is a convolution, which is not counted."),
            _ => 0,
        };

        double Size(Dimension d) => d.Name is null
            ? d.Size
            : d.Name.Split('*').Aggregate(1.0, (product, part) => product * (part == "batch" ? batch : double.Parse(part, CultureInfo.InvariantCulture)));
    }
}
