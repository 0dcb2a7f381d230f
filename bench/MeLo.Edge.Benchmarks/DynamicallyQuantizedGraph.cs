using System.Runtime.InteropServices;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// A graph with every product by a constant matrix made one of integers: the nodes that ONNX Runtime's own tool, quantize_dynamic with
/// weights a channel, writes into an exported model, and that the runtime then fuses.
/// </summary>
internal static class DynamicallyQuantizedGraph
{
    public static GraphBuilder From(GraphBuilder exported)
    {
        GraphBuilder graph = GraphCopy.Begin(exported, without: exported.Nodes.Where(IsLinear).Select(n => n.Inputs[1]!.Name).ToHashSet());
        foreach (GraphNode node in exported.Nodes)
        {
            if (IsLinear(node)) Quantize(graph, node);
            else GraphCopy.Add(graph, node, [.. node.Inputs.Select(i => i is null ? null : graph[i.Name])]);
        }
        return GraphCopy.End(graph, exported);
    }

    private static bool IsLinear(GraphNode node) => node.OperatorType == "MatMul" && node.Inputs[1]!.Initializer is not null;

    private static void Quantize(GraphBuilder graph, GraphNode node)
    {
        GraphValue matrix = node.Inputs[1]!;
        (byte[] bytes, float[] scales) = Round(((InitializerData.Inline)matrix.Initializer!).Bytes.Span, (int)matrix[1].Size);
        GraphValue weight = graph.Initializer($"{matrix.Name}.bytes", ElementType.I8, [matrix[0].Size, matrix[1].Size], new InitializerData.Inline(bytes));
        GraphValue scale = graph.Constant($"{matrix.Name}.scale", scales, scales.Length);
        // To bytes over the tensor's own range: x ≈ (bytes - zeroPoint) · scale, with 0 exact.
        GraphValue input = graph[node.Inputs[0]!.Name];
        GraphNode quantized = graph.Node("DynamicQuantizeLinear", [input], [(ElementType.U8, input.Shape), (ElementType.F32, []), (ElementType.U8, [])], name: $"{node.Name}.quantized");
        (GraphValue x, GraphValue xScale, GraphValue zeroPoint) = (quantized.Outputs[0], quantized.Outputs[1], quantized.Outputs[2]);
        GraphValue product = graph.Node("MatMulInteger", [x, weight, zeroPoint], ElementType.I32, node.Output.Shape, name: $"{node.Name}.integer");
        GraphValue floats = graph.Node("Cast", [product], ElementType.F32, product.Shape, [("to", (long)ElementType.F32.OnnxDataType())]);
        graph.Mul(floats, graph.Mul(xScale, scale), node.Name);
    }

    private static (byte[] Bytes, float[] Scales) Round(ReadOnlySpan<byte> data, int columns)
    {
        ReadOnlySpan<float> values = MemoryMarshal.Cast<byte, float>(data);
        float[] scales = new float[columns];
        for (int i = 0; i < values.Length; i++) scales[i % columns] = Math.Max(scales[i % columns], Math.Abs(values[i]) / 127);
        byte[] bytes = new byte[values.Length];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = unchecked((byte)(sbyte)MathF.Round(values[i] / scales[i % columns]));
        return (bytes, scales);
    }
}
