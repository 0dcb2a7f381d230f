using MeLo.Edge.Onnx;

namespace MeLo.Edge.Training.Gradients;

/// <summary>Matrix products. A Gemm adds to the sum so far by itself.</summary>
internal static partial class GradientRules
{
    private static void MatMul(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphBuilder graph = pass.Graph;
        (GraphValue a, GraphValue b) = (node.Inputs[0]!, node.Inputs[1]!);
        if (b.Rank == 2)
        {
            // One product of all rows, whatever they are grouped by: [n, k] x [k, m].
            GraphValue rows = graph.Rows(g);
            if (pass.Wants(a)) pass.Add(a, sum => graph.View(graph.Gemm(rows, b, sum is null ? null : graph.Rows(sum), transposeB: true), a.Shape)); // g·bᵀ
            if (pass.Wants(b)) pass.Add(b, sum => graph.Gemm(graph.Rows(a), rows, sum, transposeA: true)); // aᵀ·g
            return;
        }
        if (pass.Wants(a)) pass.Add(a, () => SumTo(pass, graph.MatMul(g, Turned(graph, b)), a)); // g·bᵀ
        if (!pass.Wants(b)) return;
        // Of a turned value the gradient turned back is a product, too: one that leaves nothing to turn.
        if (TurnedFrom(b) is { } source) pass.Add(source, () => SumTo(pass, graph.MatMul(Turned(graph, g), a), source)); // gᵀ·a
        else pass.Add(b, () => SumTo(pass, graph.MatMul(Turned(graph, a), g), b));             // aᵀ·g
    }

    private static void Gemm(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphBuilder graph = pass.Graph;
        (GraphValue a, GraphValue b) = (node.Inputs[0]!, node.Inputs[1]!);
        (bool turnA, bool turnB) = (Int(node, "transA", 0) != 0, Int(node, "transB", 0) != 0);
        (float alpha, float beta) = (Float(node, "alpha", 1), Float(node, "beta", 1));
        if (node.Inputs.ElementAtOrDefault(2) is { } c && pass.Wants(c))
            pass.Add(c, () => beta == 1 ? SumTo(pass, g, c) : graph.Mul(SumTo(pass, g, c), graph.Scalar("beta", beta, g.Type)));
        if (pass.Wants(a))
            pass.Add(a, sum => turnA
                ? graph.Gemm(b, g, sum, alpha, transposeA: turnB, transposeB: true)      // b·gᵀ
                : graph.Gemm(g, b, sum, alpha, transposeB: !turnB));                     // g·bᵀ
        if (pass.Wants(b))
            pass.Add(b, sum => turnB
                ? graph.Gemm(g, a, sum, alpha, transposeA: true, transposeB: turnA)      // gᵀ·a
                : graph.Gemm(a, g, sum, alpha, transposeA: !turnA));                     // aᵀ·g
    }

    // The last two axes changed over.
    private static GraphValue Turned(GraphBuilder graph, GraphValue x) => TurnedFrom(x) ?? graph.Transpose(x, TurningOf(x));

    // What a value is by a change of the last two axes; null where it is something else.
    private static GraphValue? TurnedFrom(GraphValue x) => x.Producer is { OperatorType: "Transpose" } turning
        && ((NodeAttribute.Ints)turning.Attribute("perm")!).Values.SequenceEqual(TurningOf(x).Select(axis => (long)axis)) ? turning.Inputs[0] : null;

    private static int[] TurningOf(GraphValue x) => [.. Enumerable.Range(0, x.Rank - 2), x.Rank - 1, x.Rank - 2];
}
