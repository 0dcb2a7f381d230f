using System.Runtime.InteropServices;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests;

namespace MeLo.Edge.Training.Tests.Gradients;

/// <summary>
/// The naive twin of a runtime: a graph's operators in double precision, as onnx/docs/Operators.md writes them. What a gradient is compared with must be more
/// exact than the differences of single precision are.
/// </summary>
internal sealed class DoubleGraph
{
    private readonly GraphBuilder _graph;
    private readonly Dictionary<GraphValue, DoubleTensor> _constants = [];

    /// <param name="graph">The graph.</param>
    /// <param name="constants">Where constants that the graph does not carry itself are.</param>
    public DoubleGraph(GraphBuilder graph, SafetensorsFile? constants = null)
    {
        _graph = graph;
        foreach (GraphValue value in graph.Initializers)
            _constants.Add(value, new DoubleTensor([.. value.Shape.Select(d => (int)d.Size)], value.Initializer is InitializerData.Inline data
                ? value.Type == ElementType.I64
                    ? [.. MemoryMarshal.Cast<byte, long>(data.Bytes.Span).ToArray().Select(v => (double)v)]
                    : [.. MemoryMarshal.Cast<byte, float>(data.Bytes.Span).ToArray().Select(v => (double)v)]
                : [.. constants![value.Name].ToSingles().Select(v => (double)v)]));
    }

    /// <summary>Runs the graph; every value by its name.</summary>
    public Dictionary<string, DoubleTensor> Run(IReadOnlyDictionary<string, DoubleTensor> inputs)
    {
        Dictionary<GraphValue, DoubleTensor> values = new(_constants);
        foreach (GraphValue input in _graph.Inputs) values.Add(input, inputs[input.Name]);
        foreach (GraphNode node in _graph.Nodes)
        {
            DoubleTensor[] results = Compute(node, [.. node.Inputs.Select(i => values[i!])]);
            for (int i = 0; i < results.Length; i++)
            {
                Assert.Equal(node.Outputs[i].Rank, results[i].Rank);
                Assert.All(node.Outputs[i].Shape.Zip(results[i].Shape), p => Assert.True(p.First.IsSymbolic || p.First.Size == p.Second, $"{node}: {node.Outputs[i]} came out as [{string.Join(',', results[i].Shape)}]"));
                values.Add(node.Outputs[i], results[i]);
            }
        }
        return values.ToDictionary(v => v.Key.Name, v => v.Value);
    }

    private static DoubleTensor[] Compute(GraphNode node, DoubleTensor[] x) => node.OperatorType switch
    {
        "Add" => [DoubleTensor.Elementwise(x[0], x[1], (a, b) => a + b)],
        "Sub" => [DoubleTensor.Elementwise(x[0], x[1], (a, b) => a - b)],
        "Mul" => [DoubleTensor.Elementwise(x[0], x[1], (a, b) => a * b)],
        "Div" => [DoubleTensor.Elementwise(x[0], x[1], (a, b) => a / b)],
        "Neg" => [x[0].Map(v => -v)],
        "Exp" => [x[0].Map(Math.Exp)],
        "Erf" => [x[0].Map(ErrorFunction.Erf)],
        "Softplus" => [x[0].Map(v => Math.Log(1 + Math.Exp(v)))],
        "Sigmoid" => [x[0].Map(v => 1 / (1 + Math.Exp(-v)))],
        "HardSigmoid" => [x[0].Map(v => Math.Clamp((Number(node, "alpha") * v) + Number(node, "beta"), 0, 1))],
        "Gelu" => [x[0].Map(v => v / 2 * (1 + ErrorFunction.Erf(v / Math.Sqrt(2))))],
        "Identity" or "Cast" => [x[0]],
        "MatMul" => [x[0].MatMul(x[1])],
        "Gemm" => [Gemm(node, x)],
        "LayerNormalization" => LayerNormalization(node, x),
        "Softmax" => [Softmax(node, x[0])],
        "LogSoftmax" => [Softmax(node, x[0]).Map(Math.Log)],
        "ReduceSum" => [x[0].Sum(Axes(x[0], x[1]), Whole(node, "keepdims") != 0)],
        "ReduceMean" => [x[0].Sum(Axes(x[0], x[1]), Whole(node, "keepdims") != 0).Map(v => v / Axes(x[0], x[1]).Aggregate(1, (n, axis) => n * x[0].Shape[axis]))],
        "Reshape" => [Reshape(x[0], x[1])],
        "Transpose" => [x[0].Transposed([.. ((NodeAttribute.Ints)node.Attribute("perm")!).Values.Select(v => (int)v)])],
        "Slice" => [Slice(x[0], (int)x[1].Values[0], (int)x[2].Values[0], x[0].Axis((long)x[3].Values[0]))],
        "Pad" => [Pad(x[0], x[1])],
        "Shape" => [new DoubleTensor([x[0].Rank], [.. x[0].Shape.Select(d => (double)d)])],
        "Expand" => [x[0].Broadcast(DoubleTensor.Common(x[0].Shape, [.. x[1].Values.Select(v => (int)v)]))],
        _ => throw new NotSupportedException($"The twin does not know {node}."),
    };

    private static DoubleTensor Gemm(GraphNode node, DoubleTensor[] x)
    {
        DoubleTensor a = Whole(node, "transA") != 0 ? x[0].Transposed(1, 0) : x[0], b = Whole(node, "transB") != 0 ? x[1].Transposed(1, 0) : x[1];
        DoubleTensor product = a.MatMul(b).Map(v => v * Number(node, "alpha"));
        return x.Length == 2 ? product : DoubleTensor.Elementwise(product, x[2].Map(v => v * Number(node, "beta")), (p, c) => p + c);
    }

    private static DoubleTensor[] LayerNormalization(GraphNode node, DoubleTensor[] x)
    {
        int last = x[0].Rank - 1, width = x[0].Shape[last];
        DoubleTensor mean = x[0].Sum([last], keep: true).Map(v => v / width);
        DoubleTensor centred = DoubleTensor.Elementwise(x[0], mean, (v, m) => v - m);
        DoubleTensor inverse = centred.Map(v => v * v).Sum([last], keep: true).Map(v => 1 / Math.Sqrt((v / width) + Number(node, "epsilon")));
        DoubleTensor y = DoubleTensor.Elementwise(DoubleTensor.Elementwise(centred, inverse, (v, s) => v * s), x[1], (v, w) => v * w);
        if (x.Length > 2) y = DoubleTensor.Elementwise(y, x[2], (v, b) => v + b);
        return new[] { y, mean, inverse }[..node.Outputs.Count];
    }

    private static DoubleTensor Softmax(GraphNode node, DoubleTensor x)
    {
        DoubleTensor powers = x.Map(Math.Exp);
        return DoubleTensor.Elementwise(powers, powers.Sum([x.Axis(Whole(node, "axis"))], keep: true), (p, sum) => p / sum);
    }

    private static DoubleTensor Reshape(DoubleTensor x, DoubleTensor target)
    {
        int[] shape = [.. target.Values.Select((v, i) => v == 0 ? x.Shape[i] : (int)v)];
        int open = Array.IndexOf(shape, -1);
        if (open >= 0) shape[open] = x.Values.Length / -DoubleTensor.Count(shape);
        return new DoubleTensor(shape, x.Values);
    }

    private static DoubleTensor Slice(DoubleTensor x, int start, int end, int axis) =>
        x.Picked([.. x.Shape.Select((size, i) => i == axis ? end - start : size)], place => [.. place.Select((index, i) => i == axis ? index + start : index)]);

    private static DoubleTensor Pad(DoubleTensor x, DoubleTensor pads) =>
        x.Picked([.. x.Shape.Select((size, i) => size + (int)pads.Values[i] + (int)pads.Values[x.Rank + i])], place =>
        {
            int[] from = [.. place.Select((index, i) => index - (int)pads.Values[i])];
            return from.Zip(x.Shape).All(p => p.First >= 0 && p.First < p.Second) ? from : null;
        });

    private static int[] Axes(DoubleTensor x, DoubleTensor axes) => [.. axes.Values.Select(v => x.Axis((long)v))];

    private static long Whole(GraphNode node, string name) => ((NodeAttribute.Int)node.Attribute(name)!).Value;

    private static double Number(GraphNode node, string name) => ((NodeAttribute.Float)node.Attribute(name)!).Value;
}
