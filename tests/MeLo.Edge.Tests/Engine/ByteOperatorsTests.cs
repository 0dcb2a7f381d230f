using System.Runtime.InteropServices;
using MeLo.Edge.Engine;
using MeLo.Edge.Kernels;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Kernels;

namespace MeLo.Edge.Tests.Engine;

/// <summary>Each operator in a session of its own: what it computes, and what it refuses.</summary>
public sealed unsafe class ByteOperatorsTests
{
    private const ElementType F32 = ElementType.F32, U8 = ElementType.U8;

    // The inputs' shapes as they should be: two images of three tokens; 10 features to 70.
    private static readonly (ElementType Type, long[] Shape)[] s_linear = [(U8, [2, 3, 12]), (F32, [2, 1, 2, 3]), (U8, Packed(10, 70)), (F32, [70]), (F32, [2, 3, 70])];

    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 1)]
    public void Linears_ComputeWhatTheirKernelsDo(int images, int threads)
    {
        using LinearCase linear = new(images * 3, 10, 70);
        byte[] packed = linear.Matrix.Pack();
        float[] ranges = [.. new Span<float>(linear.X.Scales, images * 3), .. new Span<float>(linear.X.Lows, images * 3)];
        using OrtSession session = Session(ByteGraph.Linear, [U8, F32, U8, F32, F32], [F32], threads, Sizes(10, 70));
        fixed (byte* matrix = packed)
        {
            using OrtValue bytes = OrtValue.Over(linear.X.Bytes, linear.Bytes.Length, U8, [images, 3, 12]), weights = OrtValue.Over(matrix, packed.Length, U8, Packed(10, 70));
            using OrtValue range = OrtValue.FromArray(ranges, [2, 1, images, 3]), bias = OrtValue.FromArray(linear.Bias.Span.ToArray(), [70]);
            using OrtValue residual = OrtValue.FromArray(linear.Residual.Span.ToArray(), [images, 3, 70]);
            using OrtValue result = session.Run([bytes, range, weights, bias, residual])[0];
            Assert.Equal([images, 3, 70], result.Info.Dimensions);
            Assert.Equal(linear.Floats(bias: true, residual: true), result.AsSpan<float>().ToArray());

            using OrtSession gelu = Session(ByteGraph.LinearGelu, [U8, F32, U8], [U8, F32], threads, GeluSizes(10, 70));
            OrtValue[] outputs = gelu.Run([bytes, range, weights]);
            using OrtValue values = outputs[0], valueRanges = outputs[1];
            Assert.Equal([images, 3, 72], values.Info.Dimensions);
            Assert.Equal([2, 1, images, 3], valueRanges.Info.Dimensions);
            byte[] expected = linear.Gelu(bias: false);
            for (int row = 0; row < images * 3; row++) Assert.Equal(expected[(row * 72)..((row * 72) + 70)], values.AsSpan<byte>().Slice(row * 72, 70).ToArray());
            Assert.Equal(expected[(images * 3 * 72)..], MemoryMarshal.AsBytes(valueRanges.AsSpan<float>()).ToArray());
        }
    }

    [Theory]
    [InlineData(2, 70, 41, 3, 16, 1)]
    [InlineData(1, 197, 197, 3, 64, 2)]
    [InlineData(3, 1, 50, 2, 80, 3)]
    [InlineData(2, 9, 20, 2, 24, 2)] // a width that bfloat16 does not take
    public void Attention_IsTheKernelsOfThisProcessor_AndCloseToBinary32(int images, int asking, int tokens, int heads, int w, int threads)
    {
        using AttentionCase attention = new(images, asking, tokens, heads, w);
        attention.Fill(new Random(tokens), 2);
        float[] plain = attention.Run(VectorWidths.Best), expected = Bfloat16Attention.Takes(w) ? attention.RunBfloat16(threads) : plain;
        using OrtSession session = Session(ByteGraph.Attention, [F32, F32, F32], [F32], threads, [(ByteGraph.Heads, (long)heads)]);
        using OrtValue q = OrtValue.FromArray(attention.Query.Span.ToArray(), [images, asking, heads * w]);
        using OrtValue k = OrtValue.FromArray(attention.Key.Span.ToArray(), [images, tokens, heads * w]), v = OrtValue.FromArray(attention.Value.Span.ToArray(), [images, tokens, heads * w]);
        using OrtValue result = session.Run([q, k, v])[0];
        Assert.Equal([images, asking, heads * w], result.Info.Dimensions);
        float[] found = result.AsSpan<float>().ToArray();
        Assert.Equal(expected, found);

        double error = plain.Zip(found, (p, f) => Math.Pow(p - f, 2)).Sum(), length = plain.Sum(p => (double)p * p);
        Assert.InRange(Math.Sqrt(error / length), Bfloat16Attention.Takes(w) ? 1e-5 : 0, 1e-2); // rounded, if only a little
    }

    [Theory]
    [InlineData(0, new long[] { 6, 12 }, "found bytes of 2 dimensions, expected 3")]
    [InlineData(0, new long[] { 2, 3, 10 }, "found 10 elements of a row of bytes, expected 12")]
    [InlineData(0, new long[] { 2, 3, 16 }, "found 16 elements of a row of bytes, expected 12")]
    [InlineData(0, new long[] { 2, 4, 12 }, "found 12 elements of ranges, expected 16")]
    [InlineData(1, new long[] { 2, 2, 2, 3 }, "found 24 elements of ranges, expected 12")]
    [InlineData(1, new long[] { 1, 1, 2, 3 }, "found 6 elements of ranges, expected 12")]
    [InlineData(2, new long[] { 1, 1280 }, "found 1280 elements of the matrix, expected 2560")]
    [InlineData(2, new long[] { 700 }, "found 700 elements of the matrix, expected 2560")]
    [InlineData(3, new long[] { 69 }, "found 69 elements of bias, expected 70")]
    [InlineData(4, new long[] { 2, 3, 69 }, "found 414 elements of residual, expected 420")]
    public void LinearOfTheWrongShapes_IsRefused(int input, long[] shape, string message)
    {
        Assert.Equal([2, 1280], s_linear[2].Shape);
        (ElementType Type, long[] Shape)[] inputs = [.. s_linear];
        inputs[input].Shape = shape;
        Refused(message, ByteGraph.Linear, inputs, [F32], Sizes(10, 70));
        if (input < 4) Refused(message, ByteGraph.LinearGelu, inputs[..4], [U8, F32], GeluSizes(10, 70));
    }

    [Theory]
    [InlineData(new long[] { 2, 10 }, new long[] { 10 }, new long[] { 10 }, "found x of 2 dimensions, expected 3")]
    [InlineData(new long[] { 2, 3, 10 }, new long[] { 9 }, new long[] { 10 }, "found 9 elements of gain, expected 10")]
    [InlineData(new long[] { 2, 3, 10 }, new long[] { 10 }, new long[] { 11 }, "found 11 elements of bias, expected 10")]
    public void NormalizationOfTheWrongShapes_IsRefused(long[] x, long[] gain, long[] bias, string message) =>
        Refused(message, ByteGraph.Normalize, [(F32, x), (F32, gain), (F32, bias)], [U8, F32], [(ByteGraph.Epsilon, 1e-6f), (ByteGraph.Rotated, 0L)]);

    [Theory]
    [InlineData(new long[] { 2, 10 }, 2)]
    [InlineData(new long[] { 1, 2, 2, 10 }, 4)]
    public void QuantisationOfTheWrongShape_IsRefused(long[] x, int dimensions) =>
        Refused($"found x of {dimensions} dimensions, expected 3", ByteGraph.Quantize, [(F32, x)], [U8, F32], []);

    [Theory]
    [InlineData(new long[] { 2, 3, 8 }, new long[] { 2, 5, 8 }, new long[] { 2, 4, 8 }, 2, "found q [2,3,8], k [2,5,8] and v [2,4,8]")]
    [InlineData(new long[] { 2, 3, 8 }, new long[] { 1, 5, 8 }, new long[] { 1, 5, 8 }, 2, "found q [2,3,8], k [1,5,8] and v [1,5,8]")]
    [InlineData(new long[] { 2, 3, 8 }, new long[] { 2, 5, 12 }, new long[] { 2, 5, 12 }, 2, "found q [2,3,8], k [2,5,12] and v [2,5,12]")]
    [InlineData(new long[] { 2, 3, 8 }, new long[] { 2, 5, 8 }, new long[] { 2, 5, 12 }, 2, "found q [2,3,8], k [2,5,8] and v [2,5,12]")]
    [InlineData(new long[] { 2, 3, 8 }, new long[] { 2, 5, 8 }, new long[] { 3, 5, 8 }, 2, "found q [2,3,8], k [2,5,8] and v [3,5,8]")]
    [InlineData(new long[] { 2, 3, 8 }, new long[] { 2, 5, 8 }, new long[] { 2, 5, 8 }, 3, "found 3 heads, expected a number that divides 8")]
    [InlineData(new long[] { 3, 8 }, new long[] { 2, 5, 8 }, new long[] { 2, 5, 8 }, 2, "found q of 2 dimensions, expected 3")]
    [InlineData(new long[] { 2, 3, 8 }, new long[] { 5, 8 }, new long[] { 2, 5, 8 }, 2, "found k of 2 dimensions, expected 3")]
    [InlineData(new long[] { 2, 3, 8 }, new long[] { 2, 5, 8 }, new long[] { 40 }, 2, "found v of 1 dimensions, expected 3")]
    public void AttentionOfTheWrongShapes_IsRefused(long[] q, long[] k, long[] v, long heads, string message) =>
        Refused(message, ByteGraph.Attention, [(F32, q), (F32, k), (F32, v)], [F32], [(ByteGraph.Heads, heads)]);

    [Theory]
    [InlineData(0, 70, "found a matrix of [0,70]")]
    [InlineData(10, -1, "found a matrix of [10,-1]")]
    [InlineData(10, 1L << 40, "found a matrix of [10,1099511627776]")]
    public void MatrixOfNoSize_IsRefusedWhenTheSessionIsMade(long input, long output, string message)
    {
        NodeAttribute[] sizes = [(ByteGraph.InFeatures, input), (ByteGraph.OutFeatures, output)];
        Unmakeable(message, ByteGraph.Linear, [U8, F32, U8], [F32], sizes);
        Unmakeable(message, ByteGraph.LinearGelu, [U8, F32, U8], [U8, F32], [.. sizes, (ByteGraph.Rotated, 0L)]);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-1)]
    public void RotationThatIsNeitherOffNorOn_IsRefusedWhenTheSessionIsMade(long rotated)
    {
        Unmakeable($"found {rotated} for rotated", ByteGraph.LinearGelu, [U8, F32, U8], [U8, F32], GeluSizes(10, 70, rotated));
        Unmakeable($"found {rotated} for rotated", ByteGraph.Normalize, [F32, F32, F32], [U8, F32], [(ByteGraph.Epsilon, 1e-6f), (ByteGraph.Rotated, rotated)]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-2)]
    [InlineData(1L << 33)]
    public void HeadsThatAreNoNumberOfThem_AreRefusedWhenTheSessionIsMade(long heads) =>
        Unmakeable($"found {heads} heads", ByteGraph.Attention, [F32, F32, F32], [F32], [(ByteGraph.Heads, heads)]);

    [Fact]
    public void BatchOfNoImages_GivesNone()
    {
        (ElementType Type, long[] Shape)[] none = [(U8, [0, 3, 12]), (F32, [2, 1, 0, 3]), s_linear[2], s_linear[3], (F32, [0, 3, 70])];
        Assert.Equal([[0, 3, 70]], Shapes(ByteGraph.Linear, none, [F32], Sizes(10, 70)));
        Assert.Equal([[0, 3, 72], [2, 1, 0, 3]], Shapes(ByteGraph.LinearGelu, none[..4], [U8, F32], GeluSizes(10, 70)));
        Assert.Equal([[0, 3, 12], [2, 1, 0, 3]], Shapes(ByteGraph.Quantize, [(F32, [0, 3, 10])], [U8, F32], []));
        Assert.Equal([[0, 3, 8]], Shapes(ByteGraph.Attention, [(F32, [0, 3, 8]), (F32, [0, 5, 8]), (F32, [0, 5, 8])], [F32], [(ByteGraph.Heads, 2L)]));
    }

    [Fact]
    public void Sessions_OfDifferentThreads_EachHaveKernelsThatDivideByTheirOwn()
    {
        foreach (int threads in (int[])[1, 3, Environment.ProcessorCount + 5])
        {
            List<OrtKernel> made = [];
            OrtOperatorDomain domain = new(ByteGraph.Domain, [.. ByteOperators.For(threads).Operators.Select(op => op with
            {
                CreateKernel = info =>
                {
                    made.Add(op.CreateKernel(info));
                    return made[^1];
                },
            })]);
            foreach (string op in (string[])[ByteGraph.Linear, ByteGraph.LinearGelu])
                Session(op, [U8, F32, U8], op == ByteGraph.Linear ? [F32] : [U8, F32], threads, op == ByteGraph.Linear ? Sizes(10, 70) : GeluSizes(10, 70), domain).Dispose();
            Session(ByteGraph.Attention, [F32, F32, F32], [F32], threads, [(ByteGraph.Heads, 2L)], domain).Dispose();
            Assert.Equal([threads, threads, threads], made.Select(kernel => Assert.IsAssignableFrom<ByteOperators.DividingKernel>(kernel).Threads));
        }
    }

    [Fact]
    public void GraphOfAnotherVersion_WhoseOperatorsAreNotTurned_IsRefused_AndTheBaseIsToBeImportedAgain()
    {
        Unmakeable("expected one of this version: import the base again", ByteGraph.Normalize, [F32, F32, F32], [U8, F32], [(ByteGraph.Epsilon, 1e-6f)]);
        Unmakeable("expected one of this version: import the base again", ByteGraph.LinearGelu, [U8, F32, U8], [U8, F32], Sizes(10, 70));
    }

    private static long[] Packed(int input, int output)
    {
        PackedMatrix shape = new(input, output);
        return [shape.Panels, shape.PanelBytes];
    }

    private static NodeAttribute[] GeluSizes(long input, long output, long rotated = 0) => [.. Sizes(input, output), (ByteGraph.Rotated, rotated)];

    private static NodeAttribute[] Sizes(long input, long output) => [(ByteGraph.InFeatures, input), (ByteGraph.OutFeatures, output)];

    private static void Refused(string message, string op, (ElementType Type, long[] Shape)[] inputs, ElementType[] outputs, NodeAttribute[] attributes) =>
        Assert.Contains(message, Assert.Throws<OrtException>(() => Shapes(op, inputs, outputs, attributes)).Message, StringComparison.Ordinal);

    private static void Unmakeable(string message, string op, ElementType[] inputs, ElementType[] outputs, NodeAttribute[] attributes) =>
        Assert.Contains(message, Assert.Throws<OrtException>(() => Session(op, inputs, outputs, 1, attributes).Dispose()).Message, StringComparison.Ordinal);

    // Runs the operator over zeros; the outputs' shapes.
    private static long[][] Shapes(string op, (ElementType Type, long[] Shape)[] inputs, ElementType[] outputs, NodeAttribute[] attributes)
    {
        using OrtSession session = Session(op, [.. inputs.Select(i => i.Type)], outputs, 1, attributes);
        List<OrtValue> values = [];
        byte[][] zeros = [.. inputs.Select(i => GC.AllocateArray<byte>((int)(i.Shape.Aggregate(1L, (p, d) => p * d) * i.Type.Size()) + 1, pinned: true))];
        try
        {
            for (int i = 0; i < inputs.Length; i++)
                fixed (byte* data = zeros[i]) values.Add(OrtValue.Over(data, zeros[i].Length - 1, inputs[i].Type, inputs[i].Shape));
            OrtValue[] results = session.Run([.. values]);
            values.AddRange(results);
            return [.. results.Select(r => r.Info.Dimensions.ToArray())];
        }
        finally
        {
            foreach (OrtValue value in values) value.Dispose();
        }
    }

    private static OrtSession Session(string op, ElementType[] inputs, ElementType[] outputs, int threads, NodeAttribute[] attributes, OrtOperatorDomain? domain = null)
    {
        GraphBuilder graph = new("one");
        graph.UseOperatorSet(ByteGraph.Domain, 1);
        GraphValue[] values = [.. inputs.Select((type, i) => graph.Input($"x{i}", type))];
        GraphNode node = graph.Node(op, values, [.. outputs.Select(type => (type, (IReadOnlyList<Dimension>)["m", "n", "o"]))], attributes, "y", ByteGraph.Domain);
        foreach (GraphValue output in node.Outputs) graph.Output(output);
        using OrtSessionOptions options = new OrtSessionOptions().WithThreads(threads).WithOperators(domain ?? ByteOperators.For(threads));
        return OrtSession.Create(OnnxWriter.ToBytes(graph), options);
    }
}
