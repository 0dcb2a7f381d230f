using System.Runtime.InteropServices;
using MeLo.Edge.Onnx;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Models;

namespace MeLo.Edge.Tests.Onnx;

/// <summary>The file, field by field against onnx.proto, and every operator against plain arithmetic in ONNX Runtime.</summary>
public sealed class OnnxWriterTests
{
    [Fact]
    public void Model_HasTheFieldsOfOnnxProto()
    {
        GraphBuilder graph = new("g");
        graph.UseOperatorSet("com.microsoft", 1);
        graph.Metadata["key"] = "value";
        GraphValue x = graph.Input("x", ElementType.F32, "batch", 2);
        GraphValue w = graph.Initializer("w", ElementType.F32, [2, 2], new InitializerData.External("w.bin", 64, 16));
        graph.Output(graph.Node("FusedMatMul", [x, w, null], ElementType.F32, ["batch", 2], [("alpha", 0.5f), ("transA", 0L), ("note", "text"), ("list", new long[] { 1, -1 }), ("reals", new[] { 1f, 2f })], "y", "com.microsoft"));

        ProtobufReader model = new(OnnxWriter.ToBytes(graph));
        Assert.Equal(9, model.Number(1));
        Assert.Equal([("", 20L), ("com.microsoft", 1L)], model.Messages(8).Select(o => (o.Text(1), o.Number(2))));
        Assert.Equal(("key", "value"), (model.Message(14).Text(1), model.Message(14).Text(2)));
        ProtobufReader g = model.Message(7), node = g.Message(1);
        Assert.Equal("g", g.Text(2));
        Assert.Equal(["x", "w", ""], node.Texts(1));
        Assert.Equal(["y"], node.Texts(2));
        Assert.Equal(("y", "FusedMatMul", "com.microsoft"), (node.Text(3), node.Text(4), node.Text(7)));
        Assert.Equal([("alpha", 1L), ("transA", 2L), ("note", 3L), ("list", 7L), ("reals", 6L)], node.Messages(5).Select(a => (a.Text(1), a.Number(20))));
        ProtobufReader[] attributes = [.. node.Messages(5)];
        Assert.Equal(0.5f, attributes[0].Values<float>(2).Single());
        Assert.Equal(0, attributes[1].Number(3));
        Assert.Equal("text", attributes[2].Text(4));
        Assert.Equal([1L, -1], attributes[3].Values<long>(8));
        Assert.Equal([1f, 2], attributes[4].Values<float>(7));
        ProtobufReader tensor = g.Message(5);
        Assert.Equal([2L, 2], tensor.Values<long>(1));
        Assert.Equal((1L, "w", 1L), (tensor.Number(2), tensor.Text(8), tensor.Number(14)));
        Assert.Equal([("location", "w.bin"), ("offset", "64"), ("length", "16")], tensor.Messages(13).Select(p => (p.Text(1), p.Text(2))));
        ProtobufReader shape = g.Message(11).Message(2).Message(1).Message(2);
        Assert.Equal("batch", shape.Messages(1).First().Text(2));
        Assert.Equal(2, shape.Messages(1).Last().Number(1));
        Assert.Equal("y", g.Message(12).Text(1));
    }

    [Fact]
    public void SameGraph_IsTheSameBytes() => Assert.Equal(OnnxWriter.ToBytes(AllOperators().Graph), OnnxWriter.ToBytes(AllOperators().Graph));

    [Fact]
    public void EveryOperator_ComputesWhatItSays()
    {
        (GraphBuilder graph, Dictionary<string, float[]> expected, float[] x) = AllOperators();
        using OrtSessionOptions options = new();
        using OrtSession session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
        using OrtValue input = OrtValue.FromArray(x, [2, 3, 4]);
        OrtValue[] outputs = session.Run([input]);
        for (int i = 0; i < outputs.Length; i++)
        {
            using OrtValue output = outputs[i];
            string name = session.Outputs[i].Name;
            Assert.True(Closeness.Difference(expected[name], output.AsSpan<float>()) < 1e-6, $"{name}: found {string.Join(' ', output.AsSpan<float>().ToArray())}, expected {string.Join(' ', expected[name])}");
            // The runtime worked out the shape that the builder says.
            Assert.Equal(graph[name].Shape.Select(d => d.IsSymbolic ? 2 : d.Size), output.Info.Dimensions);
        }
    }

    [Fact]
    public void ExternalData_IsReadFromTheFileBeside()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder["w.bin"], [0xFF, 0xFF, 0xFF, 0xFF, .. MemoryMarshal.AsBytes<float>([1, 2, 3])]);
        GraphBuilder graph = new("g");
        GraphValue x = graph.Input("x", ElementType.F32, 3);
        graph.Output(graph.Mul(x, graph.Initializer("w", ElementType.F32, [3], new InitializerData.External("w.bin", 4, 12)), "y"));
        OnnxWriter.Write(graph, folder["m.onnx"]);
        using OrtSessionOptions options = new();
        using OrtSession session = OrtSession.Create(folder["m.onnx"], options);
        using OrtValue input = OrtValue.FromArray([10, 10, 10], [3]);
        using OrtValue output = session.Run([input])[0];
        Assert.Equal([10f, 20, 30], output.AsSpan<float>().ToArray());
    }

    [Fact]
    public void MicrosoftOperators_RunToo()
    {
        GraphBuilder graph = new("g");
        graph.UseOperatorSet("com.microsoft", 1);
        GraphValue x = graph.Input("x", ElementType.F32, 1, 2);
        graph.Output(graph.Node("FusedMatMul", [x, x], ElementType.F32, [1, 1], [("transB", 1L), ("alpha", 0.5f)], "y", "com.microsoft"));
        using OrtSessionOptions options = new();
        using OrtSession session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
        using OrtValue input = OrtValue.FromArray([3, 4], [1, 2]);
        using OrtValue output = session.Run([input])[0];
        Assert.Equal(12.5f, output.AsSpan<float>()[0]);
    }

    /// <summary>One graph over x [b,3,4] with an output for every operator, and what each should be.</summary>
    private static (GraphBuilder Graph, Dictionary<string, float[]> Expected, float[] X) AllOperators()
    {
        const int B = 2, R = 3, C = 4;
        float[] x = [.. Enumerable.Range(0, B * R * C).Select(i => MathF.Sin(i) * 2)];
        float[] w = [.. Enumerable.Range(0, C * 5).Select(i => MathF.Cos(i))], v = [0.5f, -1, 2, 4], n = [1, 2, 3, 4];
        float At(int b, int r, int c) => x[(((b * R) + r) * C) + c];
        IEnumerable<(int B, int R, int C)> all = from b in Enumerable.Range(0, B) from r in Enumerable.Range(0, R) from c in Enumerable.Range(0, C) select (b, r, c);

        GraphBuilder graph = new("operators");
        GraphValue input = graph.Input("x", ElementType.F32, "b", R, C);
        GraphValue vector = graph.Constant("v", v, C), matrix = graph.Constant("w", w, C, 5), norm = graph.Constant("n", n, C);
        Dictionary<string, float[]> expected = [];
        void Expect(GraphValue value, IEnumerable<double> values)
        {
            graph.Output(value);
            expected.Add(value.Name, [.. values.Select(d => (float)d)]);
        }

        Expect(graph.Add(input, vector, "add"), all.Select(i => (double)At(i.B, i.R, i.C) + v[i.C]));
        Expect(graph.Sub(vector, input, "sub"), all.Select(i => (double)v[i.C] - At(i.B, i.R, i.C)));
        Expect(graph.Mul(input, vector, "mul"), all.Select(i => (double)At(i.B, i.R, i.C) * v[i.C]));
        Expect(graph.Div(input, vector, "div"), all.Select(i => (double)At(i.B, i.R, i.C) / v[i.C]));
        Expect(graph.MatMul(input, matrix, "matmul"),
            from b in Enumerable.Range(0, B) from r in Enumerable.Range(0, R) from o in Enumerable.Range(0, 5) select Enumerable.Range(0, C).Sum(c => (double)At(b, r, c) * w[(c * 5) + o]));
        Expect(graph.Softmax(input, name: "softmax"), all.Select(i => Math.Exp(At(i.B, i.R, i.C)) / Enumerable.Range(0, C).Sum(c => Math.Exp(At(i.B, i.R, c)))));
        Expect(graph.Gelu(input, "gelu"), all.Select(i => At(i.B, i.R, i.C) / 2 * (1 + ErrorFunction.Erf(At(i.B, i.R, i.C) / Math.Sqrt(2)))));
        Expect(graph.LayerNormalization(input, norm, vector, 0.25f, "norm"), all.Select(i =>
        {
            double mean = Enumerable.Range(0, C).Average(c => At(i.B, i.R, c)), variance = Enumerable.Range(0, C).Average(c => Math.Pow(At(i.B, i.R, c) - mean, 2));
            return ((At(i.B, i.R, i.C) - mean) / Math.Sqrt(variance + 0.25) * n[i.C]) + v[i.C];
        }));
        Expect(graph.Transpose(input, [0, 2, 1], "transpose"), from b in Enumerable.Range(0, B) from c in Enumerable.Range(0, C) from r in Enumerable.Range(0, R) select (double)At(b, r, c));
        Expect(graph.Reshape(input, [6, "b", 2], "reshape"), x.Select(f => (double)f));
        Expect(graph.Slice(input, 1, 1, 3, "slice"), all.Where(i => i.R is 1 or 2).Select(i => (double)At(i.B, i.R, i.C)));
        Expect(graph.Pad(input, 1, 1, 2, "pad"), Enumerable.Range(0, B).SelectMany(b => new double[C].Concat(all.Where(i => i.B == b).Select(i => (double)At(i.B, i.R, i.C))).Concat(new double[2 * C])));
        Expect(graph.ReduceMean(input, 1, "mean"), from b in Enumerable.Range(0, B) from c in Enumerable.Range(0, C) select Enumerable.Range(0, R).Average(r => (double)At(b, r, c)));
        GraphValue first = graph.Reshape(graph.Slice(input, 1, 0, 1), ["b", C]);
        Expect(graph.Gemm(first, matrix, graph.Constant("c", [1f, 2, 3, 4, 5], 5), alpha: 2, beta: 3, name: "gemm"),
            from b in Enumerable.Range(0, B) from o in Enumerable.Range(0, 5) select (2 * Enumerable.Range(0, C).Sum(c => (double)At(b, 0, c) * w[(c * 5) + o])) + (3 * (o + 1)));
        Expect(graph.Gemm(matrix, first, transposeA: true, transposeB: true, name: "gemmTransposed"),
            from o in Enumerable.Range(0, 5) from b in Enumerable.Range(0, B) select Enumerable.Range(0, C).Sum(c => (double)At(b, 0, c) * w[(c * 5) + o]));
        // Two patches of 2x2 a row over a single channel row pair: [b,3,4] -> [b,3,2,2] -> kernel 2 over 3 channels -> one value.
        GraphValue image = graph.Reshape(input, ["b", R, 2, 2]);
        float[] kernel = [.. Enumerable.Range(0, 2 * R * 4).Select(i => MathF.Sin(i * 3))];
        Expect(graph.PatchConv(image, graph.Constant("k", kernel, 2, R, 2, 2), graph.Constant("kb", [1f, -1], 2), "conv"),
            from b in Enumerable.Range(0, B) from o in Enumerable.Range(0, 2) select (o == 0 ? 1 : -1) + Enumerable.Range(0, R * 4).Sum(i => (double)x[(b * R * C) + i] * kernel[(o * R * 4) + i]));
        return (graph, expected, x);
    }
}
