using MeLo.Edge.Kernels;

namespace MeLo.Edge.Tests.Kernels;

public sealed class AttentionTests : AttentionContract
{
    // images, asking tokens, tokens, heads, w: tails of every kind in queries, keys and columns.
    public static TheoryData<int, int, int, int, int> Shapes => new()
    {
        { 1, 1, 1, 1, 1 }, { 1, 1, 2, 1, 3 }, { 2, 17, 17, 2, 8 }, { 1, 1, 17, 2, 8 }, { 3, 5, 7, 3, 5 }, { 1, 197, 197, 3, 64 }, { 2, 1, 197, 3, 64 },
        { 1, 48, 6, 1, 16 }, { 1, 49, 5, 2, 17 }, { 1, 96, 12, 1, 48 }, { 2, 50, 50, 4, 32 }, { 1, 65, 65, 2, 80 }, { 1, 33, 34, 2, 72 }, { 1, 47, 100, 1, 33 },
        { 1, 6, 577, 1, 64 }, { 1, 16, 3, 1, 4 }, { 1, 97, 31, 1, 12 }, { 1, 10, 11, 1, 130 },
    };

    private protected override int Width => 8;

    private protected override int WideWidth => 21;

    private protected override IEnumerable<float[]> Outputs(AttentionCase attention) => VectorWidths.Supported.Select(attention.Run);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AnyShapeAtAnyWidth_IsCloseToTheDoubleTwin(int images, int asking, int tokens, int heads, int w)
    {
        using AttentionCase attention = new(images, asking, tokens, heads, w);
        attention.Fill(new Random(images + asking + tokens + heads + w), 2);

        foreach (VectorWidth width in VectorWidths.Supported) attention.AssertClose(attention.Run(width), what: $"{width}");
    }

    [Theory]
    [InlineData(100)] // scores of about ±1e4
    [InlineData(1e-3f)]
    [InlineData(0)]
    public void ExtremeScores_AreCloseToTheDoubleTwin(float spread)
    {
        using AttentionCase attention = new(1, 60, 60, 2, 16);
        attention.Fill(new Random(2), spread);

        foreach (VectorWidth width in VectorWidths.Supported) attention.AssertClose(attention.Run(width), what: $"{width}");
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
}
