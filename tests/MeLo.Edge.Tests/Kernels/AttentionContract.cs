using System.Runtime.InteropServices;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>What every way of computing attention promises, run over each.</summary>
public abstract class AttentionContract
{
    /// <summary>A small width of a head.</summary>
    private protected abstract int Width { get; }

    /// <summary>One of several panels of values.</summary>
    private protected abstract int WideWidth { get; }

    /// <summary>A case that can be computed here; skips the running test where none can be.</summary>
    private protected virtual AttentionCase Case(
        int images, int asking, int tokens, int heads, int w, int queryOffset = 0, int keyOffset = 0, int valueOffset = 0, int outputOffset = 0) =>
        new(images, asking, tokens, heads, w, queryOffset, keyOffset, valueOffset, outputOffset);

    /// <summary>The outputs, computed in every way that this machine has.</summary>
    private protected abstract IEnumerable<float[]> Outputs(AttentionCase attention);

    [Theory]
    [InlineData(1, 3, 5, 7)]
    [InlineData(2, 4, 1, 15)]
    public void UnalignedTensors_GiveTheSameBitsAsAlignedOnes(int queryOffset, int keyOffset, int valueOffset, int outputOffset)
    {
        using AttentionCase aligned = Case(2, 67, 29, 3, 3 * Width), unaligned = Case(2, 67, 29, 3, 3 * Width, queryOffset, keyOffset, valueOffset, outputOffset);
        aligned.Fill(new Random(1), 2);
        unaligned.Fill(new Random(1), 2);
        Assert.All(Outputs(aligned).Zip(Outputs(unaligned)), o => Assert.Equal(Bits(o.First), Bits(o.Second)));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(3e38f)] // its products overflow
    [InlineData(-3e38f)]
    public void NonFiniteQuery_MakesItsRowsHeadNaN_AndNoOther(float value)
    {
        const int tokens = 81, heads = 3;
        int w = Width, dim = heads * w;
        foreach (int row in (int[])[0, 20, 47, 48, 63, 64, 80])
        {
            using AttentionCase attention = Case(2, tokens, tokens, heads, w);
            attention.Fill(new Random(4), 2);
            attention.Key.Span.Fill(8);
            attention.Query.Span[((tokens + row) * dim) + w + 3] = value;
            foreach (float[] output in Outputs(attention))
            {
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
        const int tokens = 81, heads = 3;
        int w = Width, dim = heads * w;
        foreach (int row in (int[])[0, 5, 80])
        {
            using AttentionCase attention = Case(2, tokens, tokens, heads, w);
            attention.Fill(new Random(5), 2);
            attention.Key.Span[(row * dim) + 3] = value;
            foreach (float[] output in Outputs(attention))
                for (int i = 0; i < output.Length; i++) Assert.Equal(i / dim < tokens && i % dim / w == 0, float.IsNaN(output[i]));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void NonFiniteValue_ComesOutInItsColumn_EvenWhereItsKeyHasNoWeight(float value)
    {
        const int tokens = 21;
        int w = WideWidth;
        foreach (float spread in (float[])[2, 1e4f])
        {
            using AttentionCase attention = Case(1, tokens, tokens, 1, w);
            attention.Fill(new Random(6), spread);
            foreach ((int row, int column) in ((int, int)[])[(7, 0), (7, 15), (0, 16), (20, 63), (20, 64), (6, w - 1)])
            {
                if (column >= w) continue;
                float before = attention.Value.Span[(row * w) + column];
                attention.Value.Span[(row * w) + column] = value;
                foreach (float[] output in Outputs(attention))
                    for (int i = 0; i < output.Length; i++) Assert.Equal(i % w == column, !float.IsFinite(output[i]));
                attention.Value.Span[(row * w) + column] = before;
            }
        }
    }

    private protected static int[] Bits(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, int>(values).ToArray();
}
