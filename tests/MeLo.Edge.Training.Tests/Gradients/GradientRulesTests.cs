using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;
using MeLo.Edge.Training.Gradients;

namespace MeLo.Edge.Training.Tests.Gradients;

/// <summary>Every operator's rule, in every form that it has, against central differences; and the same graph in the real runtime.</summary>
public sealed class GradientRulesTests
{
    private const int Batch = 3;

    private static readonly Dimension s_batch = "batch";

    /// <summary>What is differentiated: the inputs a, b, c … have these shapes, and the result is of any shape.</summary>
    private sealed record Case(Func<GraphBuilder, GraphValue[], GraphValue> Build, params Dimension[][] Shapes);

    private static readonly Dictionary<string, Case> s_cases = new()
    {
        ["Add"] = new((g, x) => g.Add(x[0], x[1]), [s_batch, 4], [s_batch, 4]),
        ["Add of a row"] = new((g, x) => g.Add(x[0], x[1]), [s_batch, 2, 4], [4]),
        ["Add of a scalar"] = new((g, x) => g.Add(x[0], x[1]), [s_batch, 4], []),
        ["Add of a column to a row"] = new((g, x) => g.Add(x[0], x[1]), [s_batch, 1], [1, 4]),
        ["Add to itself"] = new((g, x) => g.Add(x[0], x[0]), [[s_batch, 4]]),
        ["Sub"] = new((g, x) => g.Sub(x[0], x[1]), [s_batch, 4], [s_batch, 4]),
        ["Sub of a row"] = new((g, x) => g.Sub(x[0], x[1]), [s_batch, 4], [4]),
        ["Sub from itself and a sum"] = new((g, x) => g.Sub(g.Mul(x[1], x[0]), x[0]), [s_batch, 4], [s_batch, 4]),
        ["Mul"] = new((g, x) => g.Mul(x[0], x[1]), [s_batch, 4], [s_batch, 4]),
        ["Mul by a column"] = new((g, x) => g.Mul(x[0], x[1]), [s_batch, 2, 4], [2, 1]),
        ["Mul by itself"] = new((g, x) => g.Mul(x[0], x[0]), [[s_batch, 4]]),
        ["Div"] = new((g, x) => g.Div(x[0], g.Add(g.Mul(x[1], x[1]), g.Scalar("one", 1, ElementType.F32))), [s_batch, 4], [1, 4]),
        ["Neg"] = new((g, x) => g.Neg(x[0]), [[s_batch, 4]]),
        ["Identity"] = new((g, x) => g.Identity(x[0]), [[s_batch, 4]]),
        ["Cast"] = new((g, x) => g.Cast(x[0], ElementType.F32), [[s_batch, 4]]),
        ["MatMul of matrices"] = new((g, x) => g.MatMul(x[0], x[1]), [s_batch, 4], [4, 5]),
        ["MatMul of rows"] = new((g, x) => g.MatMul(x[0], x[1]), [s_batch, 2, 4], [4, 5]),
        ["MatMul of rows, twice"] = new((g, x) => g.Add(g.MatMul(x[0], x[1]), g.MatMul(x[0], g.Mul(x[1], x[1]))), [s_batch, 2, 4], [4, 5]),
        ["MatMul of batches"] = new((g, x) => g.MatMul(x[0], x[1]), [s_batch, 2, 3, 4], [s_batch, 2, 4, 5]),
        ["MatMul of a batch and one"] = new((g, x) => g.MatMul(x[0], x[1]), [s_batch, 2, 3, 4], [1, 2, 4, 5]),
        ["MatMul of a batch and fewer axes"] = new((g, x) => g.MatMul(x[0], x[1]), [2, 4], [s_batch, 2, 4, 5]),
        ["MatMul with a transposition"] = new((g, x) => g.MatMul(x[0], g.Transpose(x[1], [0, 2, 1])), [s_batch, 3, 4], [s_batch, 5, 4]),
        ["Gemm"] = new((g, x) => g.Gemm(x[0], x[1], x[2]), [s_batch, 4], [4, 5], [5]),
        ["Gemm without c"] = new((g, x) => g.Gemm(x[0], x[1]), [s_batch, 4], [4, 5]),
        ["Gemm of a transposed a"] = new((g, x) => g.Gemm(x[0], x[1], x[2], transposeA: true), [4, s_batch], [4, 5], [s_batch, 5]),
        ["Gemm of a transposed b"] = new((g, x) => g.Gemm(x[0], x[1], x[2], transposeB: true), [s_batch, 4], [5, 4], [s_batch, 1]),
        ["Gemm, both transposed"] = new((g, x) => g.Gemm(x[0], x[1], x[2], transposeA: true, transposeB: true), [4, s_batch], [5, 4], []),
        ["Gemm with alpha and beta"] = new((g, x) => g.Gemm(x[0], x[1], x[2], alpha: 0.7f, beta: -1.3f), [s_batch, 4], [4, 5], [1, 5]),
        ["Gemm with alpha and beta, both transposed"] = new((g, x) => g.Gemm(x[0], x[1], x[2], 0.7f, -1.3f, true, true), [4, s_batch], [5, 4], [s_batch, 5]),
        ["Gemm of one input three times"] = new((g, x) => g.Gemm(x[0], x[1], g.Gemm(x[0], g.Mul(x[1], x[1]), g.Gemm(x[0], x[1]))), [s_batch, 4], [4, 5]),
        ["Gemm by itself"] = new((g, x) => g.Gemm(x[0], x[0], transposeB: true), [[4, 5]]),
        ["Linear"] = new((g, x) => g.Linear(x[0], x[1], x[2], "linear"), [s_batch, 2, 4], [4, 5], [5]),
        ["LayerNormalization"] = new((g, x) => g.LayerNormalization(x[0], x[1], x[2], 1e-3f), [s_batch, 2, 8], [8], [8]),
        ["LayerNormalization with a large epsilon"] = new((g, x) => g.LayerNormalization(x[0], x[1], x[2], 0.5f), [s_batch, 8], [8], [8]),
        ["LayerNormalization of constant gain"] = new(
            (g, x) => g.LayerNormalization(x[0], g.Constant("gain", [1f, 2, -3, 0.5f], 4), g.Constant("shift", [1f, 2, 3, 4], 4), 1e-6f), [[s_batch, 4]]),
        ["LayerNormalization of which only gain and shift are asked"] = new(
            (g, x) => g.LayerNormalization(g.Constant("data", [1f, 2, 4, 8, 9, 7, 5, 3], 2, 4), x[0], x[1], 1e-6f), [4], [4]),
        ["Softmax"] = new((g, x) => g.Softmax(x[0]), [[s_batch, 2, 5]]),
        ["Softmax over another axis"] = new((g, x) => g.Softmax(x[0], 1), [[s_batch, 5, 2]]),
        ["Attention"] = new((g, x) => g.MatMul(g.Softmax(g.MatMul(x[0], g.Transpose(x[1], [0, 2, 1]))), x[2]), [s_batch, 3, 4], [s_batch, 5, 4], [s_batch, 5, 2]),
        ["Attention whose shares are read once more"] = new((g, x) => Twice(g, g.Softmax(x[0]), x[1]), [s_batch, 3, 4], [s_batch, 4, 4]),
        ["Attention whose shares are what is shared out"] = new((g, x) => g.Softmax(x[0]) is var y ? g.MatMul(y, y) : y, [[s_batch, 4, 4]]),
        ["Attention with more images than shares"] = new((g, x) => g.MatMul(g.Softmax(x[0]), x[1]), [1, 3, 4], [s_batch, 4, 2]),
        ["Attention with shares on the right"] = new((g, x) => g.MatMul(x[1], g.Softmax(x[0])), [s_batch, 4, 4], [s_batch, 2, 4]),
        ["MatMul by a transposition that is read once more"] = new((g, x) => g.Transpose(x[1], [0, 2, 1]) is var y ? g.MatMul(g.MatMul(x[0], y), g.Gelu(y)) : y, [s_batch, 3, 4], [s_batch, 4, 4]),
        ["MatMul of a transposition"] = new((g, x) => g.MatMul(g.Transpose(x[0], [0, 2, 1]), x[1]), [s_batch, 3, 4], [s_batch, 3, 5]),
        ["LogSoftmax"] = new((g, x) => g.LogSoftmax(x[0]), [[s_batch, 5]]),
        ["LogSoftmax over another axis"] = new((g, x) => g.LogSoftmax(x[0], 1), [[s_batch, 5, 2]]),
        ["Softplus"] = new((g, x) => g.Softplus(x[0]), [[s_batch, 5]]),
        ["Gelu"] = new((g, x) => g.Gelu(g.Mul(x[0], g.Scalar("wide", 4, ElementType.F32))), [[s_batch, 40]]),
        ["ReduceSum"] = new((g, x) => g.ReduceSum(x[0], [1]), [[s_batch, 2, 4]]),
        ["ReduceSum over the batch"] = new((g, x) => g.ReduceSum(x[0], [0, 2]), [[s_batch, 2, 4]]),
        ["ReduceSum that keeps its axes"] = new((g, x) => g.ReduceSum(x[0], [1, 2], keepDimensions: true), [[s_batch, 2, 4]]),
        ["ReduceMean"] = new((g, x) => g.ReduceMean(x[0], 1), [[s_batch, 2, 4]]),
        ["ReduceMean that keeps its axis"] = new((g, x) => g.ReduceMean(x[0], -1, keepDimension: true), [[s_batch, 2, 4]]),
        ["Reshape"] = new((g, x) => g.Reshape(x[0], [s_batch, 2, 2, 3]), [[s_batch, 4, 3]]),
        ["Reshape that moves the batch"] = new((g, x) => g.Reshape(x[0], [4, s_batch]), [[s_batch, 4]]),
        ["Reshape of two open dimensions"] = new((g, x) => g.Reshape(x[0], [s_batch, "tokens", 2, 2]), [[s_batch, "tokens", 4]]),
        ["View"] = new((g, x) => g.Rows(x[0]), [[s_batch, 2, 4]]),
        ["Transpose"] = new((g, x) => g.Transpose(x[0], [2, 0, 1]), [[s_batch, 2, 4]]),
        ["Slice"] = new((g, x) => g.Slice(x[0], 1, 1, 3), [[s_batch, 5, 2]]),
        ["Slice to the end"] = new((g, x) => g.Slice(x[0], 1, 2, 5), [[s_batch, 5, 2]]),
        ["Pad"] = new((g, x) => g.Pad(x[0], 1, 2, 1), [[s_batch, 3, 2]]),
        ["Two ways to one value"] = new((g, x) => g.Add(g.Mul(g.Gelu(x[0]), x[0]), g.Softmax(x[0])), [[s_batch, 5]]),
    };

    private static GraphValue Twice(GraphBuilder g, GraphValue shares, GraphValue values) => g.Add(g.MatMul(shares, values), g.ReduceSum(shares, [2], keepDimensions: true) is var sum ? g.Mul(sum, g.Slice(shares, 2, 1, 2)) : sum);

    public static TheoryData<string> Cases => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rule_GivesTheLimitOfDifferences(string name)
    {
        Case c = s_cases[name];
        GraphBuilder graph = new("rule");
        GraphValue[] inputs = [.. c.Shapes.Select((shape, i) => graph.Input($"{(char)('a' + i)}", ElementType.F32, shape))];
        GraphValue y = c.Build(graph, inputs);
        // The loss weighs every element of the result differently, and not linearly: a gradient that is not passed on shows.
        GraphValue weights = graph.Input("weights", ElementType.F32, [.. y.Shape]);
        GraphValue loss = graph.Mul(y, graph.Add(weights, y));
        loss = graph.Identity(y.Rank == 0 ? loss : graph.ReduceSum(loss, [.. Enumerable.Range(0, y.Rank)]), "loss");
        foreach (GraphValue gradient in Gradient.Of(graph, loss, inputs)) graph.Output(gradient);

        Random random = new(1);
        Dictionary<string, DoubleTensor> values = graph.Inputs.ToDictionary(i => i.Name, i => DoubleTensor.Random(random, [.. i.Shape.Select(Size)]));
        GradientAssert.AreTheLimitsOfDifferences(graph, "loss", values, inputs.Select(i => (i.Name, $"{i.Name}.gradient")));
        GradientAssert.TheRuntimeAgrees(graph, values);

        static int Size(Dimension d) => d.Name is null ? (int)d.Size : d.Name.Split('*').Aggregate(1, (product, part) => product * (int.TryParse(part, out int size) ? size : Batch));
    }

    [Fact]
    public void EveryRule_HasACase()
    {
        Assert.All(GradientRules.Operators, op => Assert.Contains(s_cases.Keys, name => name == op || name.StartsWith($"{op} ", StringComparison.Ordinal)));
    }

    [Fact]
    public void OperatorWithoutARule_OnThePath_IsNamed()
    {
        GraphBuilder graph = new("unknown");
        GraphValue x = graph.Input("x", ElementType.F32, 4);
        GraphValue loss = graph.ReduceSum(graph.Node("Sinh", [x], x.Type, x.Shape, name: "curve"), [0]);
        NotSupportedException thrown = Assert.Throws<NotSupportedException>(() => Gradient.Of(graph, loss, [x]));
        Assert.Contains("Sinh ('curve')", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("LayerNormalization", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OperatorWithoutARule_OffThePath_DoesNotMatter()
    {
        GraphBuilder graph = new("unknown");
        GraphValue x = graph.Input("x", ElementType.F32, 4), y = graph.Input("y", ElementType.F32, 4);
        GraphValue loss = graph.ReduceSum(graph.Mul(x, graph.Node("Sinh", [y], y.Type, y.Shape)), [0]);
        graph.Node("Cosh", [x], x.Type, x.Shape); // reads x, but the loss does not read it
        Assert.Equal("[4]", Dimension.Text(Gradient.Of(graph, loss, [x]).Single().Shape));
    }

    [Fact]
    public void ValueThatTheLossDoesNotDependOn_IsNamed()
    {
        GraphBuilder graph = new("independent");
        GraphValue x = graph.Input("x", ElementType.F32, 4), y = graph.Input("y", ElementType.F32, 4);
        ArgumentException thrown = Assert.Throws<ArgumentException>(() => Gradient.Of(graph, graph.ReduceSum(x, [0], name: "loss"), [x, y]));
        Assert.Contains("'loss' does not depend on 'y'", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LossOfSeveralNumbers_IsRefused()
    {
        GraphBuilder graph = new("several");
        GraphValue x = graph.Input("x", ElementType.F32, 4);
        Assert.Contains("expected one number", Assert.Throws<ArgumentException>(() => Gradient.Of(graph, graph.Neg(x), [x])).Message, StringComparison.Ordinal);
    }
}
