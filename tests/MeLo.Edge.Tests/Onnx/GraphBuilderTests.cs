using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Onnx;

public sealed class GraphBuilderTests
{
    [Fact]
    public void Graph_CanBeInspected()
    {
        GraphBuilder graph = new("g");
        GraphValue x = graph.Input("x", ElementType.F32, "batch", 4);
        GraphValue w = graph.Constant("w", new float[12], 4, 3);
        GraphValue y = graph.MatMul(x, w, "y");
        GraphValue z = graph.Softmax(y);
        graph.Output(z);

        Assert.Equal([x], graph.Inputs);
        Assert.Equal([w], graph.Initializers);
        Assert.Equal([z], graph.Outputs);
        Assert.Equal(["MatMul y", "Softmax Softmax"], graph.Nodes.Select(n => n.ToString()));
        Assert.Same(y, graph["y"]);
        Assert.Same(graph.Nodes[0], y.Producer);
        Assert.Equal([x, w], y.Producer!.Inputs);
        Assert.Equal("y [batch,3]", y.ToString());
        Assert.Equal(new NodeAttribute.Int("axis", -1), z.Producer!.Attribute("axis"));
        Assert.Null(z.Producer.Attribute("none"));
    }

    [Fact]
    public void Scopes_NestInNamesAndEnd()
    {
        GraphBuilder graph = new("g");
        GraphValue x = graph.Input("x", ElementType.F32, 2);
        GraphValue inner;
        using (graph.Scope("layers.0"))
        {
            using (graph.Scope("mlp")) inner = graph.Gelu(x, "act");
            Assert.Equal("layers.0.Gelu", graph.Gelu(x).Name);
            Assert.Equal("layers.0.Gelu_1", graph.Gelu(x).Name);
            Assert.Equal("layers.0.one", graph.Constant("one", [1f], 1).Name);
        }
        Assert.Equal("layers.0.mlp.act", inner.Name);
        Assert.Equal("Gelu", graph.Gelu(x).Name);
    }

    [Fact]
    public void Shapes_FollowTheOperators()
    {
        GraphBuilder graph = new("g");
        GraphValue x = graph.Input("x", ElementType.F32, "b", 6, 4);
        Assert.Equal("[b,6,4]", Shape(graph.Add(x, graph.Input("bias", ElementType.F32, 4))));
        Assert.Equal("[b,6,4]", Shape(graph.Mul(graph.Input("col", ElementType.F32, 6, 1), x)));
        Assert.Equal("[b,6,5]", Shape(graph.MatMul(x, graph.Input("m", ElementType.F32, 4, 5))));
        Assert.Equal("[b,6,6]", Shape(graph.MatMul(x, graph.Transpose(x, [0, 2, 1]))));
        Assert.Equal("[b,6,5]", Shape(graph.Linear(x, graph["m"], graph.Input("five", ElementType.F32, 5), "linear")));
        Assert.Equal("[b*6,5]", Shape(graph["linear.product"]));
        Assert.Equal("[b,2,3,4]", Shape(graph.Reshape(x, ["b", 2, 3, 4])));
        Assert.Equal("[6,b,4]", Shape(graph.Reshape(x, [6, "b", 4])));
        Assert.Equal("[b,2,4]", Shape(graph.Slice(x, 1, 3, 5)));
        Assert.Equal("[b,6,1]", Shape(graph.Slice(x, -1, 3, 4)));
        Assert.Equal("[b,9,4]", Shape(graph.Pad(x, 1, 1, 2)));
        GraphValue indices = graph.Input("indices", ElementType.I32, "n");
        Assert.Equal("[n,6,4]", Shape(graph.Gather(x, indices)));
        Assert.Equal("[b,6,n]", Shape(graph.Gather(x, indices, -1)));
        Assert.Equal("[b,2,3,4]", Shape(graph.Gather(x, graph.Input("table", ElementType.I64, 2, 3), 1)));
        Assert.Equal("[b,4]", Shape(graph.ReduceMean(x, 1)));
        Assert.Equal("[b,6]", Shape(graph.ReduceMean(x, -1)));
        Assert.Equal("[b,8,2,3]", Shape(graph.PatchConv(graph.Input("i", ElementType.F32, "b", 3, 8, 12), graph.Input("k", ElementType.F32, 8, 3, 4, 4), null)));
        Assert.Equal("[5,7]", Shape(graph.Gemm(graph.Input("a", ElementType.F32, 4, 5), graph.Input("c", ElementType.F32, 7, 4), transposeA: true, transposeB: true)));
    }

    [Fact]
    public void WhatAnOperatorDoesNotTake_IsRefusedWhereItIsWritten()
    {
        GraphBuilder graph = new("g");
        GraphValue x = graph.Input("x", ElementType.F32, "b", 6, 4), ints = graph.Input("i", ElementType.I64, "b", 6, 4), vector = graph.Input("v", ElementType.F32, 6);
        Assert.Throws<ArgumentException>(() => graph.Add(x, vector));
        Assert.Throws<ArgumentException>(() => graph.Add(x, ints));
        Assert.Throws<ArgumentException>(() => graph.Add(x, graph.Input("other", ElementType.F32, "c", 6, 4)));
        Assert.Throws<ArgumentException>(() => graph.MatMul(x, x));
        Assert.Throws<ArgumentException>(() => graph.MatMul(x, graph.Input("half", ElementType.F16, 4, 5)));
        GraphValue matrix = graph.Input("a", ElementType.F32, 4, 5), halves = graph.Input("h", ElementType.F16, 5);
        Assert.Throws<ArgumentException>(() => graph.Gemm(matrix, graph.Cast(matrix, ElementType.F16), transposeB: true));
        Assert.Throws<ArgumentException>(() => graph.Gemm(matrix, graph.Transpose(matrix, [1, 0]), halves));
        Assert.Throws<ArgumentException>(() => graph.LayerNormalization(matrix, halves, halves, 1e-6f));
        Assert.Throws<ArgumentOutOfRangeException>(() => graph.Scalar("one", 1, ElementType.I64));
        Assert.Throws<ArgumentException>(() => graph.MatMul(x, vector));
        Assert.Throws<ArgumentException>(() => graph.Gemm(x, x));
        Assert.Throws<ArgumentException>(() => graph.Linear(x, graph.Input("m", ElementType.F32, 4, 5), vector, "linear"));
        Assert.Throws<ArgumentException>(() => graph.LayerNormalization(x, vector, vector, 1e-6f));
        Assert.Throws<ArgumentException>(() => graph.Reshape(x, ["b", 5, 5]));
        Assert.Throws<ArgumentException>(() => graph.Reshape(x, ["c", 24]));
        Assert.Throws<ArgumentException>(() => graph.Transpose(x, [0, 1]));
        Assert.Throws<ArgumentException>(() => graph.Transpose(x, [0, 1, 1]));
        Assert.Throws<ArgumentException>(() => graph.Slice(x, 1, 5, 7));
        Assert.Throws<ArgumentException>(() => graph.Slice(x, 1, 3, 3));
        Assert.Throws<InvalidOperationException>(() => graph.Slice(x, 0, 0, 1));
        Assert.Throws<ArgumentException>(() => graph.Gather(x, vector));
        Assert.Throws<ArgumentException>(() => graph.Gather(x, ints, 3));
        Assert.Throws<ArgumentException>(() => graph.PatchConv(graph.Input("image", ElementType.F32, "b", 3, 9, 8), graph.Input("k", ElementType.F32, 8, 3, 4, 4), null));
        Assert.Throws<ArgumentOutOfRangeException>(() => graph.Input("negative", ElementType.F32, -1));
    }

    [Fact]
    public void Scalar_HasTheBytesOfItsType()
    {
        GraphBuilder graph = new("g");
        foreach ((ElementType type, byte[] bytes) in ((ElementType, byte[])[])[(ElementType.F32, BitConverter.GetBytes(0.1f)), (ElementType.F16, BitConverter.GetBytes((Half)0.1f))])
        {
            GraphValue scalar = graph.Scalar($"{type}", 0.1f, type);
            Assert.Equal(type, scalar.Type);
            Assert.Empty(scalar.Shape);
            Assert.Equal(bytes, Assert.IsType<InitializerData.Inline>(scalar.Initializer).Bytes.ToArray());
        }
    }

    [Fact]
    public void NamesAndGraphs_AreNotMixedUp()
    {
        GraphBuilder graph = new("g"), other = new("h");
        GraphValue x = graph.Input("x", ElementType.F32, 2), foreign = other.Input("x", ElementType.F32, 2);
        Assert.Throws<ArgumentException>(() => graph.Input("x", ElementType.F32, 2));
        Assert.Throws<ArgumentException>(() => graph.Add(x, foreign));
        graph.Add(x, x, "y");
        Assert.Throws<ArgumentException>(() => graph.Add(x, x, "y"));
        Assert.Throws<ArgumentException>(() => graph.Output(x));
        graph.Output(graph["y"]);
        Assert.Throws<ArgumentException>(() => graph.Output(graph["y"]));
        Assert.Throws<ArgumentException>(() => graph.Node("FusedMatMul", [x, x], ElementType.F32, [2], domain: "com.microsoft"));
        Assert.Throws<ArgumentException>(() => graph.Initializer("w", ElementType.F32, [2], new InitializerData.Inline(new byte[7])));
        Assert.Throws<ArgumentException>(() => graph.Initializer("w", ElementType.F32, [2], new InitializerData.External("f", 0, 9)));
        Assert.Throws<ArgumentException>(() => OnnxWriter.ToBytes(other));
    }

    private static string Shape(GraphValue value) => Dimension.Text(value.Shape);
}
