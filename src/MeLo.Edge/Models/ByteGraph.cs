using MeLo.Edge.Adapters;
using MeLo.Edge.Kernels;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// The operators of the int8 graph, in a domain of their own: what ONNX Runtime has no fused operator for. Activations between them are bytes
/// with a range for every token and every <see cref="PackedMatrix.GroupRows"/> features; weights are a <see cref="PackedMatrix"/>.
/// </summary>
/// <remarks>Shapes: b images, t tokens, r bytes of a row (the features, filled up to a multiple of 4), g groups. docs/base-package.md describes each operator.</remarks>
internal static class ByteGraph
{
    public const string Domain = "melo.edge";

    public const string Normalize = "LayerNormalizationToBytes", Quantize = "ToBytes", Linear = "ByteLinear", LinearGelu = "ByteLinearGelu", Attention = "Attention";

    public const string Epsilon = "epsilon", InFeatures = "in_features", OutFeatures = "out_features", Heads = "heads", Rotated = "rotated";

    /// <summary>
    /// Whether a linear reads activations that are turned (<see cref="Rotation"/>), where no adapter may change its weights: those are turned once, at import.
    /// Of the MLP's linears, whose inputs' far outliers cost most.
    /// </summary>
    public static bool ReadsRotated(VitLinear linear) => linear is VitLinear.Fc1 or VitLinear.Fc2;

    /// <summary>Activations as bytes.</summary>
    /// <param name="Values">[b, t, r].</param>
    /// <param name="Ranges">[2, g, b, t]: scales, then lows.</param>
    public readonly record struct Bytes(GraphValue Values, GraphValue Ranges)
    {
        /// <summary>The first token alone.</summary>
        public Bytes FirstToken(GraphBuilder graph) => new(graph.Slice(Values, 1, 0, 1), graph.Slice(Ranges, 3, 0, 1));
    }

    /// <summary>Layer normalisation of [b, t, d] over the last axis, turned on request, as bytes.</summary>
    public static Bytes LayerNormalizationToBytes(this GraphBuilder graph, GraphValue x, GraphValue gain, GraphValue bias, float epsilon, bool rotated, string name) =>
        ToBytes(graph, Normalize, [x, gain, bias], x, (int)x[2].Size, [(Epsilon, epsilon), (Rotated, rotated ? 1L : 0)], name);

    /// <summary>[b, t, d] as bytes.</summary>
    public static Bytes ToBytes(this GraphBuilder graph, GraphValue x, string name) => ToBytes(graph, Quantize, [x], x, (int)x[2].Size, [], name);

    /// <summary>x·W + bias + residual, [b, t, out].</summary>
    public static GraphValue ByteLinear(this GraphBuilder graph, Bytes x, GraphValue weight, PackedMatrix shape, GraphValue? bias, GraphValue? residual, string name) =>
        graph.Node(Linear, Inputs(x, weight, bias, residual), ElementType.F32, [x.Values[0], x.Values[1], shape.OutFeatures], Sizes(shape), name, Domain);

    /// <summary>GELU(x·W + bias), by the error function, turned on request, as bytes.</summary>
    public static Bytes ByteLinearGelu(this GraphBuilder graph, Bytes x, GraphValue weight, PackedMatrix shape, GraphValue? bias, bool rotated, string name) =>
        ToBytes(graph, LinearGelu, Inputs(x, weight, bias), x.Values, shape.OutFeatures, [.. Sizes(shape), (Rotated, rotated ? 1L : 0)], name);

    /// <summary>Softmax(q k^T / sqrt(d/heads)) v for every head, all [b, t, d]; q may have fewer tokens.</summary>
    public static GraphValue FusedAttention(this GraphBuilder graph, GraphValue q, GraphValue k, GraphValue v, int heads, string name) =>
        graph.Node(Attention, [q, k, v], ElementType.F32, q.Shape, [(Heads, (long)heads)], name, Domain);

    private static Bytes ToBytes(GraphBuilder graph, string operatorType, IReadOnlyList<GraphValue?> inputs, GraphValue tokens, int features, ReadOnlySpan<NodeAttribute> attributes, string name)
    {
        GraphNode node = graph.Node(operatorType, inputs,
            [(ElementType.U8, [tokens[0], tokens[1], PackedMatrix.RowBytes(features)]), (ElementType.F32, [2, PackedMatrix.GroupsOf(features), tokens[0], tokens[1]])],
            attributes, name, Domain);
        return new Bytes(node.Outputs[0], node.Outputs[1]);
    }

    // An optional input that is left out keeps its place while another follows.
    private static List<GraphValue?> Inputs(Bytes x, GraphValue weight, params ReadOnlySpan<GraphValue?> optional)
    {
        List<GraphValue?> inputs = [x.Values, x.Ranges, weight, .. optional];
        while (inputs[^1] is null) inputs.RemoveAt(inputs.Count - 1);
        return inputs;
    }

    private static NodeAttribute[] Sizes(PackedMatrix shape) => [(InFeatures, (long)shape.InFeatures), (OutFeatures, (long)shape.OutFeatures)];
}
