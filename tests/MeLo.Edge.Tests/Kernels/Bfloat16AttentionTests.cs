using System.Runtime.InteropServices;
using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Kernels;

public sealed class Bfloat16AttentionTests : AttentionContract
{
    // images, asking tokens, tokens, heads, w: blocks of every kind, odd and even tokens, widths of one panel of values and of several.
    public static TheoryData<int, int, int, int, int> Shapes => new()
    {
        { 1, 1, 1, 1, 16 }, { 2, 1, 1, 3, 64 }, { 1, 3, 2, 1, 16 }, { 1, 197, 197, 3, 64 }, { 2, 1, 197, 3, 64 }, { 1, 48, 6, 1, 16 }, { 1, 96, 12, 1, 48 }, { 2, 50, 50, 4, 32 },
        { 1, 65, 65, 2, 80 }, { 1, 6, 577, 1, 64 }, { 3, 16, 5, 2, 16 }, { 1, 17, 17, 2, 128 }, { 2, 63, 30, 1, 144 }, { 1, 64, 31, 2, 48 }, { 1, 130, 3, 1, 80 }, { 2, 129, 64, 1, 112 },
    };

    private protected override int Width => 16;

    private protected override int WideWidth => 80;

    private protected override IEnumerable<float[]> Outputs(AttentionCase attention) => [attention.RunBfloat16(2)];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AnyShape_IsCloseToTheDoubleTwin(int images, int asking, int tokens, int heads, int w)
    {
        using AttentionCase attention = Case(images, asking, tokens, heads, w);
        attention.Fill(new Random(images + asking + tokens + heads + w), 2);
        attention.AssertClose(attention.RunBfloat16(2), inputs: Bfloat16.Unit, weighting: Bfloat16.Unit);
    }

    // Only the weights are rounded then: the bounds are as tight as they get.
    [Theory]
    [MemberData(nameof(Shapes))]
    public void InputsThatBfloat16Has_AreNotRounded(int images, int asking, int tokens, int heads, int w)
    {
        using AttentionCase attention = Case(images, asking, tokens, heads, w);
        attention.Fill(new Random(images + asking + tokens + heads + w), 2);
        attention.RoundInputs();
        attention.AssertClose(attention.RunBfloat16(2), inputs: 0, weighting: Bfloat16.Unit);
    }

    [Theory]
    [InlineData(100)] // scores of about ±1e4
    [InlineData(1e-3f)]
    [InlineData(0)]
    public void ExtremeScores_AreCloseToTheDoubleTwin(float spread)
    {
        using AttentionCase attention = Case(1, 60, 61, 2, 16);
        attention.Fill(new Random(2), spread);
        attention.RoundInputs();
        attention.AssertClose(attention.RunBfloat16(1), inputs: 0, weighting: Bfloat16.Unit);
    }

    [Fact]
    public void OneKeyFarAboveTheOthers_TakesAllTheWeight_AndItsValuesAreRoundedToTheNearest()
    {
        const int w = 16;
        using AttentionCase attention = Case(1, 7, 21, 1, w);
        foreach (int row in (int[])[0, 11, 20])
        {
            attention.Fill(new Random(3), 1);
            attention.Query.Span.Fill(1);
            attention.Key.Span.Fill(-1e4f);
            attention.Key.Span.Slice(row * w, w).Fill(1e4f);
            // Ties: between 1 and the next number, between that and the one after; their neighbours; a carry into the exponent; the least normal number and its next.
            Span<float> value = attention.Value.Span.Slice(row * w, w);
            ((uint[])[0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, 0xBF808000, 0xBF818000, 0x3FFF8000, 0x3FFF7FFF, 0x00800000, 0x00808001]).CopyTo(MemoryMarshal.Cast<float, uint>(value));
            float[] output = attention.RunBfloat16(1), expected = [.. value.ToArray().Select(Bfloat16.Round)];
            Assert.Equal([0x3F800000, 0x3F820000, 0x3F800000, 0x3F810000], Bits(expected.AsSpan(0, 4)));
            for (int i = 0; i < 7; i++) Assert.Equal(expected, output.AsSpan(i * w, w).ToArray().Select(Bfloat16.Round)); // the weight is 1 but for binary32's rounding
        }
    }

    [Theory]
    [InlineData(1, 197, 3)]
    [InlineData(2, 400, 1)]
    [InlineData(3, 65, 5)]
    public void AnyNumberOfThreads_GivesTheSameBits_WithNoTaskWithoutWork(int images, int asking, int heads)
    {
        using AttentionCase attention = Case(images, asking, 61, heads, 32);
        attention.Fill(new Random(7), 2);
        int[] expected = Bits(attention.RunBfloat16(1));
        int blocks = (asking + 63) / 64;
        HashSet<int> counts = [];
        foreach (int threads in (int[])[1, 2, 3, 4, 8, 16, 1000])
        {
            Assert.Equal(expected, Bits(attention.RunBfloat16(threads)));
            int tasks = new Bfloat16Attention(attention.Job, threads).TaskCount;
            counts.Add(tasks);
            Assert.InRange(tasks, images * heads, images * heads * blocks);
            // Every task alone writes something.
            for (int task = 0; task < tasks; task++)
            {
                attention.Output.Span.Fill(12345);
                new Bfloat16Attention(attention.Job, threads).Run(task);
                Assert.True(attention.Output.Span.ContainsAnyExcept(12345));
            }
        }
        Assert.True(counts.Count > 1, "the work is never divided otherwise");
    }

    [Fact]
    public void TasksInAnyOrderOnManyThreads_GiveTheSameBits()
    {
        using AttentionCase attention = Case(3, 200, 61, 5, 48);
        attention.Fill(new Random(7), 2);
        Bfloat16Attention job = new(attention.Job, 16);
        float[] inOrder = attention.RunBfloat16(16);
        int[] order = [.. Enumerable.Range(0, job.TaskCount)];
        Assert.Equal(3 * 5 * 4, order.Length);
        new Random(8).Shuffle(order);
        attention.Output.Span.Clear();
        Parallel.ForEach(order, new ParallelOptions { MaxDegreeOfParallelism = 8 }, task => job.Run(task));
        Assert.Equal(Bits(inOrder), Bits(attention.Output.Span));
    }

    [Theory]
    [InlineData(float.MaxValue)]
    [InlineData(-float.MaxValue)]
    public void MoreThanBfloat16Has_IsAsIfNotFinite(float value)
    {
        NonFiniteKey_MakesEveryRowOfItsImageAndHeadNaN(value);
        NonFiniteValue_ComesOutInItsColumn_EvenWhereItsKeyHasNoWeight(value);
    }

    // A NaN whose payload is in the bits that rounding takes away must not become an infinity, nor carry into zero.
    [Theory]
    [InlineData(0x7F800001u)]
    [InlineData(0xFF800001u)]
    [InlineData(0x7FFFFFFFu)]
    [InlineData(0xFFFFFFFFu)]
    public void NaNOfAnyPayload_StaysNaN(uint bits)
    {
        float nan = BitConverter.UInt32BitsToSingle(bits);
        using AttentionCase attention = Case(1, 3, 4, 1, 16);
        foreach (NativeFloats input in (NativeFloats[])[attention.Query, attention.Key, attention.Value])
        {
            attention.Fill(new Random(9), 1);
            input.Span[5] = nan;
            float[] output = attention.RunBfloat16(1);
            Assert.True(float.IsNaN(output[5]));
            Assert.All(output, o => Assert.False(float.IsInfinity(o)));
        }
    }

    [Fact]
    public void LargestValues_ComeThroughWhereBfloat16HasThem()
    {
        using AttentionCase attention = Case(1, 2, 1, 1, 16);
        attention.Fill(new Random(10), 1);
        float largest = BitConverter.UInt32BitsToSingle(0x7F7F0000);
        (attention.Value.Span[0], attention.Value.Span[1], attention.Value.Span[2]) = (largest, -largest, 3.389e38f);
        float[] output = attention.RunBfloat16(1);
        for (int row = 0; row < 2; row++) Assert.Equal([largest, -largest, largest], output.AsSpan(row * 16, 3).ToArray().Select(Bfloat16.Round));
    }

    [Fact]
    public void WidthsThatAreNoMultipleOfAVector_AreNotTaken()
    {
        Need();
        foreach (int w in (int[])[1, 8, 15, 17, 72, 130]) Assert.False(Bfloat16Attention.Takes(w));
        foreach (int w in (int[])[16, 48, 64, 80, 144]) Assert.True(Bfloat16Attention.Takes(w));
    }

    [Fact]
    public void WrongThreadsWidthsAndTasks_AreRefused()
    {
        using AttentionCase attention = Case(1, 3, 3, 2, 16), narrow = new(1, 3, 3, 2, 8);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Bfloat16Attention(attention.Job, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Bfloat16Attention(narrow.Job, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Bfloat16Attention(attention.Job, 1).Run(2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Bfloat16Attention(attention.Job, 1).Run(-1));
        using AttentionCase none = new(0, 3, 3, 2, 16);
        Assert.Equal(0, new Bfloat16Attention(none.Job, 4).TaskCount);
    }

    private static void Need() => Assert.SkipUnless(Bfloat16Attention.Takes(16), "needs AVX-512 BF16");

    private protected override AttentionCase Case(
        int images, int asking, int tokens, int heads, int w, int queryOffset = 0, int keyOffset = 0, int valueOffset = 0, int outputOffset = 0)
    {
        Need();
        return base.Case(images, asking, tokens, heads, w, queryOffset, keyOffset, valueOffset, outputOffset);
    }
}
