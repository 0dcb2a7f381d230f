using MeLo.Edge.Onnx;

namespace MeLo.Edge.Training.Gradients;

/// <summary>What only moves elements.</summary>
internal static partial class GradientRules
{
    private static void Reshape(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphValue x = node.Inputs[0]!;
        pass.Add(x, () => x.Shape.Count(d => d.IsSymbolic) > 1 ? pass.Graph.Reshape(g, x.Shape) : pass.Graph.View(g, x.Shape));
    }

    private static void Transpose(BackwardPass pass, GraphNode node, GraphValue g)
    {
        IReadOnlyList<long> permutation = ((NodeAttribute.Ints)node.Attribute("perm")!).Values;
        int[] back = new int[permutation.Count];
        for (int i = 0; i < back.Length; i++) back[(int)permutation[i]] = i;
        pass.Add(node.Inputs[0]!, () => pass.Graph.Transpose(g, back));
    }

    private static void Slice(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphValue x = node.Inputs[0]!;
        (long[] starts, long[] ends, long[] axes) = (Constant(node, 1), Constant(node, 2), Constant(node, 3));
        if (node.Inputs.Count > 4 || axes.Length != 1 || starts[0] < 0 || ends[0] < 0) throw Unsupported(node, "expected a slice along one axis, counted from its start, without steps");
        pass.Add(x, () => pass.Graph.Pad(g, (int)axes[0], starts[0], x[(int)axes[0]].Size - ends[0]));
    }

    private static void Pad(BackwardPass pass, GraphNode node, GraphValue g)
    {
        GraphValue x = node.Inputs[0]!;
        long[] pads = Constant(node, 1);
        if (node.Inputs.Count > 2 || pads.Any(p => p < 0)) throw Unsupported(node, "expected zeros around every axis");
        pass.Add(x, () => Enumerable.Range(0, x.Rank).Where(axis => pads[axis] > 0 || pads[x.Rank + axis] > 0)
            .Aggregate(g, (inner, axis) => pass.Graph.Slice(inner, axis, pads[axis], pads[axis] + x[axis].Size)));
    }
}
