using MeLo.Edge.Onnx;

namespace MeLo.Edge.Training.Gradients;

/// <summary>Arithmetic, whose broadcasting is undone by sums.</summary>
internal static partial class GradientRules
{
    private static void Add(BackwardPass pass, GraphNode node, GraphValue g)
    {
        (GraphValue a, GraphValue b) = (node.Inputs[0]!, node.Inputs[1]!);
        if (pass.Wants(a)) pass.Add(a, () => SumTo(pass, g, a));
        if (pass.Wants(b)) pass.Add(b, () => SumTo(pass, g, b));
    }

    private static void Sub(BackwardPass pass, GraphNode node, GraphValue g)
    {
        (GraphValue a, GraphValue b) = (node.Inputs[0]!, node.Inputs[1]!);
        if (pass.Wants(a)) pass.Add(a, () => SumTo(pass, g, a));
        if (pass.Wants(b)) pass.Add(b, sum => sum is null ? pass.Graph.Neg(SumTo(pass, g, b)) : pass.Graph.Sub(sum, SumTo(pass, g, b)));
    }

    private static void Mul(BackwardPass pass, GraphNode node, GraphValue g)
    {
        (GraphValue a, GraphValue b) = (node.Inputs[0]!, node.Inputs[1]!);
        if (pass.Wants(a)) pass.Add(a, () => SumTo(pass, pass.Graph.Mul(g, b), a));
        if (pass.Wants(b)) pass.Add(b, () => SumTo(pass, pass.Graph.Mul(g, a), b));
    }

    private static void Div(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphBuilder graph = pass.Graph;
        (GraphValue a, GraphValue b) = (node.Inputs[0]!, node.Inputs[1]!);
        GraphValue quotient = graph.Div(g, b);                                           // g / b
        if (pass.Wants(a)) pass.Add(a, () => SumTo(pass, quotient, a));
        if (pass.Wants(b)) pass.Add(b, () => graph.Neg(SumTo(pass, graph.Mul(quotient, node.Output), b))); // -g·(a / b) / b
    }

    /// <summary>The sum over the axes that a value was repeated along.</summary>
    private static GraphValue SumTo(BackwardPass pass, GraphValue gradient, GraphValue value)
    {
        int more = gradient.Rank - value.Rank;
        if (more > 0) gradient = pass.Graph.ReduceSum(gradient, [.. Enumerable.Range(0, more)]);
        int[] repeated = [.. Enumerable.Range(0, value.Rank).Where(i => value[i] == (Dimension)1 && gradient[i] != (Dimension)1)];
        return repeated.Length > 0 ? pass.Graph.ReduceSum(gradient, repeated, keepDimensions: true) : gradient;
    }

    private static void ReduceSum(BackwardPass pass, GraphNode node, GraphValue g) => pass.Add(node.Inputs[0]!, () => Repeat(pass, node, g));

    private static void ReduceMean(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphValue x = node.Inputs[0]!;
        Dimension[] reduced = [.. Constant(node, 1).Select(axis => x[(int)axis])];
        if (reduced.Any(d => d.IsSymbolic)) throw Unsupported(node, "expected a mean over dimensions of known size");
        float count = reduced.Aggregate(1f, (product, d) => product * d.Size);
        pass.Add(x, () => Repeat(pass, node, pass.Graph.Mul(g, pass.Graph.Scalar("share", 1 / count, g.Type))));
    }

    // Along the axes that a reduction made disappear, or 1.
    private static GraphValue Repeat(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphValue x = node.Inputs[0]!;
        HashSet<int> axes = [.. Constant(node, 1).Select(axis => (int)(axis < 0 ? x.Rank + axis : axis))];
        if (Int(node, "keepdims", 1) == 0) g = pass.Graph.Reshape(g, [.. x.Shape.Select((d, i) => axes.Contains(i) ? 1 : d)]);
        return pass.Graph.Expand(g, x);
    }
}
