using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Kernels;

public sealed class AttentionTests
{
    // images, asking tokens, tokens, heads, w: tails of every kind in queries, keys and columns.
    public static TheoryData<int, int, int, int, int> Shapes => new()
    {
        { 1, 1, 1, 1, 1 }, { 1, 1, 2, 1, 3 }, { 2, 17, 17, 2, 8 }, { 1, 1, 17, 2, 8 }, { 3, 5, 7, 3, 5 }, { 1, 197, 197, 3, 64 }, { 2, 1, 197, 3, 64 },
        { 1, 48, 6, 1, 16 }, { 1, 49, 5, 2, 17 }, { 1, 96, 12, 1, 48 }, { 2, 50, 50, 4, 32 }, { 1, 65, 65, 2, 80 }, { 1, 33, 34, 2, 72 }, { 1, 47, 100, 1, 33 },
        { 1, 6, 577, 1, 64 }, { 1, 16, 3, 1, 4 }, { 1, 97, 31, 1, 12 }, { 1, 10, 11, 1, 130 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AnyShapeAtAnyWidth_IsCloseToTheDoubleTwin(int images, int asking, int tokens, int heads, int w)
    {
        using AttentionCase attention = new(images, asking, tokens, heads, w);
        attention.Fill(new Random(images + asking + tokens + heads + w), 2);

        foreach (VectorWidth width in VectorWidths.Supported) AssertClose(attention, attention.Run(width), $"{width}");
    }

    [Theory]
    [InlineData(1, 3, 5, 7)]
    [InlineData(2, 4, 1, 15)]
    public void UnalignedTensors_GiveTheSameBitsAsAlignedOnes(int queryOffset, int keyOffset, int valueOffset, int outputOffset)
    {
        using AttentionCase aligned = new(2, 53, 29, 3, 24), unaligned = new(2, 53, 29, 3, 24, queryOffset, keyOffset, valueOffset, outputOffset);
        aligned.Fill(new Random(1), 2);
        unaligned.Fill(new Random(1), 2);

        foreach (VectorWidth width in VectorWidths.Supported) Assert.Equal(Bits(aligned.Run(width)), Bits(unaligned.Run(width)));
    }

    [Theory]
    [InlineData(100)] // scores of about ±1e4
    [InlineData(1e-3f)]
    [InlineData(0)]
    public void ExtremeScores_AreCloseToTheDoubleTwin(float spread)
    {
        using AttentionCase attention = new(1, 60, 60, 2, 16);
        attention.Fill(new Random(2), spread);

        foreach (VectorWidth width in VectorWidths.Supported) AssertClose(attention, attention.Run(width), $"{width}");
    }

    [Fact]
    public void OneKeyFarAboveTheOthers_TakesAllTheWeight()
    {
        using AttentionCase attention = new(1, 7, 20, 1, 8);
        attention.Fill(new Random(3), 1);
        attention.Query.Span.Fill(1);
        attention.Key.Span.Fill(-1e4f);
        attention.Key.Span.Slice(11 * 8, 8).Fill(1e4f);

        foreach (VectorWidth width in VectorWidths.Supported)
        {
            float[] output = attention.Run(width);
            for (int row = 0; row < 7; row++) Assert.Equal(attention.Value.Span.Slice(11 * 8, 8), output.AsSpan(row * 8, 8));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(3e38f)] // its products overflow
    [InlineData(-3e38f)]
    public void NonFiniteQuery_MakesItsRowsHeadNaN_AndNoOther(float value)
    {
        const int tokens = 53, heads = 3, w = 8, dim = heads * w;
        foreach (int row in (int[])[0, 20, 47, 48, 52])
        {
            using AttentionCase attention = new(2, tokens, tokens, heads, w);
            attention.Fill(new Random(4), 2);
            attention.Key.Span.Fill(8);
            attention.Query.Span[((tokens + row) * dim) + w + 3] = value;
            foreach (VectorWidth width in VectorWidths.Supported)
            {
                float[] output = attention.Run(width);
                for (int i = 0; i < output.Length; i++) Assert.Equal(i / dim == tokens + row && i % dim / w == 1, !float.IsFinite(output[i]));
                Assert.All(output, o => Assert.True(float.IsFinite(o) || float.IsNaN(o)));
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void NonFiniteKey_MakesEveryRowOfItsImageAndHeadNaN(float value)
    {
        const int tokens = 53, heads = 3, w = 8, dim = heads * w;
        foreach (int row in (int[])[0, 5, 52])
        {
            using AttentionCase attention = new(2, tokens, tokens, heads, w);
            attention.Fill(new Random(5), 2);
            attention.Key.Span[(row * dim) + 3] = value;
            foreach (VectorWidth width in VectorWidths.Supported)
            {
                float[] output = attention.Run(width);
                for (int i = 0; i < output.Length; i++) Assert.Equal(i / dim < tokens && i % dim / w == 0, float.IsNaN(output[i]));
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void NonFiniteValue_ComesOutInItsColumn_EvenWhereItsKeyHasNoWeight(float value)
    {
        const int tokens = 20, w = 21;
        foreach (float spread in (float[])[2, 1e4f])
        {
            using AttentionCase attention = new(1, tokens, tokens, 1, w);
            attention.Fill(new Random(6), spread);
            foreach (int column in (int[])[0, 15, 16, 20])
            {
                float before = attention.Value.Span[(7 * w) + column];
                attention.Value.Span[(7 * w) + column] = value;
                foreach (VectorWidth width in VectorWidths.Supported)
                {
                    float[] output = attention.Run(width);
                    for (int i = 0; i < output.Length; i++) Assert.Equal(i % w == column, !float.IsFinite(output[i]));
                }
                attention.Value.Span[(7 * w) + column] = before;
            }
        }
    }

    [Fact]
    public void TasksInAnyOrderOnManyThreads_GiveTheSameBits()
    {
        using AttentionCase attention = new(3, 101, 61, 5, 24);
        attention.Fill(new Random(7), 2);
        foreach (VectorWidth width in VectorWidths.Supported)
        {
            float[] inOrder = attention.Run(width);
            int[] order = [.. Enumerable.Range(0, attention.Job.TaskCount)];
            Assert.Equal(3 * 5 * 3, order.Length);
            new Random(8).Shuffle(order);
            attention.Output.Span.Clear();
            Parallel.ForEach(order, new ParallelOptions { MaxDegreeOfParallelism = 8 }, task => attention.Job.Run(task, width));
            Assert.Equal(Bits(inOrder), Bits(attention.Output.Span));
        }
    }

    [Fact]
    public void BestWidth_IsWhatRunTakes()
    {
        using AttentionCase attention = new(1, 9, 9, 1, 9);
        attention.Fill(new Random(9), 2);
        float[] expected = attention.Run(VectorWidths.Best);
        attention.Output.Span.Clear();
        for (int task = 0; task < attention.Job.TaskCount; task++) attention.Job.Run(task);
        Assert.Equal(expected, attention.Output.Span);
    }

    [Fact]
    public void WrongSizesAndTasks_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Sizes(-1, 1, 1, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sizes(1, 0, 1, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sizes(1, 1, 0, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sizes(1, 1, 1, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sizes(1, 1, 1, 1, 0));
        Assert.Equal(0, Sizes(0, 1, 1, 1, 1).TaskCount);
        Assert.Throws<ArgumentOutOfRangeException>(() => Sizes(1, 1, 1, 2, 1).Run(2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sizes(1, 1, 1, 2, 1).Run(-1));

        static unsafe Attention Sizes(int images, int asking, int tokens, int heads, int w) => new(null, null, null, null, images, asking, tokens, heads, w);
    }

    private static void AssertClose(AttentionCase attention, float[] output, string what)
    {
        (double[] exact, double[] bounds) = attention.Exact();
        for (int i = 0; i < exact.Length; i++) Assert.True(Math.Abs(output[i] - exact[i]) <= bounds[i], $"{what}: [{i}] is {output[i]}, expected {exact[i]} within {bounds[i]}");
    }

    private static int[] Bits(ReadOnlySpan<float> values) => System.Runtime.InteropServices.MemoryMarshal.Cast<float, int>(values).ToArray();
}
