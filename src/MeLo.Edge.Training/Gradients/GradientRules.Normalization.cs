using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Training.Gradients;

/// <summary>Normalisation and activation.</summary>
internal static partial class GradientRules
{
    /// <remarks>
    /// With z the normalised x and s its inverse standard deviation: the gradient by z is h = g·weight, by x s·(h - mean(h) - z·mean(h·z)); those by weight and
    /// bias are the sums of g·z and g. z and s are computed again, in one pass over x, rather than kept. Source: Ba et al., arXiv 1607.06450.
    /// </remarks>
    private static void LayerNormalization(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphBuilder graph = pass.Graph;
        (GraphValue x, GraphValue weight, GraphValue? bias) = (node.Inputs[0]!, node.Inputs[1]!, node.Inputs.ElementAtOrDefault(2));
        long axis = Int(node, "axis", -1);
        if (axis != -1 && axis != x.Rank - 1) throw Unsupported(node, "expected a normalisation over the last axis");
        int[] outer = [.. Enumerable.Range(0, x.Rank - 1)];
        if (pass.Wants(bias)) pass.Add(bias!, () => graph.ReduceSum(g, outer));
        if (!pass.Wants(x) && !pass.Wants(weight)) return;

        Dimension[] one = [.. x.Shape.SkipLast(1), 1];
        GraphNode normalized = graph.Node("LayerNormalization", [x, pass.Vector("ones", 1, x[-1].Size)],
            [(x.Type, x.Shape), (ElementType.F32, one), (ElementType.F32, one)], [("axis", -1L), ("epsilon", Float(node, "epsilon", 1e-5f))], "normalized");
        (GraphValue z, GraphValue s) = (normalized.Outputs[0], normalized.Outputs[2]);
        if (pass.Wants(weight)) pass.Add(weight, () => graph.ReduceSum(graph.Mul(g, z), outer));
        if (!pass.Wants(x)) return;
        pass.Add(x, () =>
        {
            GraphValue h = graph.Mul(g, weight);
            GraphValue along = graph.ReduceMean(graph.Mul(h, z), -1, keepDimension: true); // [..., 1]
            GraphValue level = graph.ReduceMean(h, -1, keepDimension: true);             // [..., 1]
            return graph.Mul(graph.Sub(graph.Sub(h, level), graph.Mul(z, along)), s);
        });
    }

    /// <remarks>
    /// y·(g - Σ g·y). In attention, where y is read by a product z = y·v alone, g is h·vᵀ with h the gradient by z, and Σ g·y = Σ h·z: a sum over the width of a
    /// head, not over all tokens. Source: Dao et al., arXiv 2205.14135, appendix B.2.
    /// </remarks>
    private static void Softmax(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphBuilder graph = pass.Graph;
        GraphValue y = node.Output;
        long axis = Int(node, "axis", -1);
        bool last = axis == -1 || axis == y.Rank - 1;
        GraphValue product = last && pass.OnlyReader(y) is { OperatorType: "MatMul" } reader && reader.Inputs[0] == y && reader.Output.Shape.SkipLast(1).SequenceEqual(y.Shape.SkipLast(1))
            ? graph.Mul(pass[reader.Output], reader.Output)
            : graph.Mul(g, y);
        pass.Add(node.Inputs[0]!, () => graph.Mul(graph.Sub(g, graph.ReduceSum(product, [(int)axis], keepDimensions: true)), y));
    }

    /// <remarks>g - exp(y)·Σ g</remarks>
    private static void LogSoftmax(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphBuilder graph = pass.Graph;
        int axis = (int)Int(node, "axis", -1);
        pass.Add(node.Inputs[0]!, () => graph.Sub(g, graph.Mul(graph.Exp(node.Output), graph.ReduceSum(g, [axis], keepDimensions: true))));
    }

    /// <remarks>
    /// g·(Φ(x) + x·φ(x)), Φ the normal distribution and φ its density. With t = x/√2, Φ is (1 + erf t)/2 and x·φ(x) is t·exp(-t² - ln √π): nine passes over the
    /// values, where the formula as it stands takes twelve.
    /// </remarks>
    private static void Gelu(BackwardPass pass, GraphNode node, GraphValue g)
    {
        if (node.Attribute("approximate") is NodeAttribute.Text { Value: not "none" }) throw Unsupported(node, "expected the exact one");
        GraphBuilder graph = pass.Graph;
        GraphValue x = node.Inputs[0]!;
        pass.Add(x, () =>
        {
            GraphValue t = graph.Mul(x, graph.Scalar("root", (float)(1 / Math.Sqrt(2)), x.Type));
            GraphValue share = graph.HardSigmoid(graph.Erf(t), 0.5f, 0.5f);              // erf is within ±1, where this is linear
            GraphValue exponent = graph.Sub(graph.Scalar("norm", (float)(-Math.Log(Math.PI) / 2), x.Type), graph.Mul(t, t));
            return graph.Mul(g, graph.Add(share, graph.Mul(t, graph.Exp(exponent))));
        });
    }
}
