using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>
/// The graph that merges an adapter on a device: one Gemm a matrix, W' = W + Aᵀ·Bᵀ with the scale already in B, in fp32, rounded once where the model
/// takes fewer bits. The head passes through, so that one run brings everything of a task to the device.
/// </summary>
internal static class MergeGraph
{
    public const string HeadWeight = "head.weight", HeadBias = "head.bias";

    private const string HeadWeightIn = "head.weight.in", HeadBiasIn = "head.bias.in";

    /// <summary>The names of a linear's inputs and of its output.</summary>
    public static (string Pristine, string A, string B, string Merged) Names(LinearId id) => ($"{id}.pristine", $"{id}.lora_a", $"{id}.lora_b", CanonicalWeights.LinearWeight(id));

    /// <summary>The names of the head's inputs.</summary>
    public static (string Weight, string Bias) HeadInputs => (HeadWeightIn, HeadBiasIn);

    /// <summary>Builds the graph.</summary>
    /// <param name="vit">The architecture.</param>
    /// <param name="targets">The linears that it merges.</param>
    /// <param name="type">The type of the merged matrices.</param>
    public static GraphBuilder Build(VitArchitecture vit, IEnumerable<LinearId> targets, ElementType type)
    {
        GraphBuilder graph = new("merge");
        foreach (LinearId id in targets)
        {
            (int input, int output) = vit.LinearShape(id.Linear);
            (string pristine, string a, string b, string merged) = Names(id);
            Dimension rank = $"{id}.rank";
            GraphValue w = graph.Input(pristine, ElementType.F32, input, output);
            GraphValue left = graph.Input(a, ElementType.F32, rank, input), right = graph.Input(b, ElementType.F32, output, rank);
            string product = type == ElementType.F32 ? merged : $"{merged}.fp32";
            GraphValue sum = graph.Gemm(left, right, w, transposeA: true, transposeB: true, name: product); // [in, r] x [r, out] + [in, out]
            graph.Output(type == ElementType.F32 ? sum : graph.Cast(sum, type, merged));
        }
        Dimension classes = "classes";
        graph.Output(Copy(graph, graph.Input(HeadWeightIn, ElementType.F32, vit.Dim, classes), HeadWeight));
        graph.Output(Copy(graph, graph.Input(HeadBiasIn, ElementType.F32, classes), HeadBias));
        return graph;
    }

    private static GraphValue Copy(GraphBuilder graph, GraphValue x, string name) => graph.Node("Identity", [x], x.Type, x.Shape, name: name);
}
