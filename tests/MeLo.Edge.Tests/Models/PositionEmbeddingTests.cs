using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

/// <summary>Resampling against a direct two-dimensional sum, and against Pillow, whose filter torch's antialiased one follows.</summary>
public sealed class PositionEmbeddingTests
{
    [Theory]
    [InlineData(14, 18)]
    [InlineData(14, 24)]
    [InlineData(16, 7)]
    [InlineData(7, 3)]
    [InlineData(5, 1)]
    [InlineData(1, 4)]
    public void Resampled_EqualsTheDirectSum(int from, int to)
    {
        const int Dim = 3;
        Random random = new(from + to);
        float[] grid = [.. Enumerable.Range(0, from * from * Dim).Select(_ => random.NextSingle() - 0.5f)];
        Closeness.AssertWithin(1e-6, Direct(grid, from, to, Dim), PositionEmbedding.Resample(grid, from, to, Dim));
    }

    [Fact]
    public void SameGrid_IsUnchanged() => Assert.Equal([1f, 2, 3, 4], PositionEmbedding.Resample([1, 2, 3, 4], 2, 2, 1));

    [Theory]
    [InlineData(3)]
    [InlineData(9)]
    public void ConstantGrid_StaysConstant(int to)
    {
        float[] grid = new float[36];
        Array.Fill(grid, 2.5f);
        Assert.All(PositionEmbedding.Resample(grid, 6, to, 1), v => Assert.Equal(2.5f, v, 1e-6f));
    }

    // Image.resize(..., BICUBIC) of Pillow 9.4, mode F, over the pattern (3x² + 5y + 7xy) mod 11.
    [Theory]
    [InlineData(5, 3, new[] { 2.52071f, 4.88515f, 5.24852f, 6.59857f, 5.58421f, 4.10411f, 6.74083f, 3.88301f, 5.81302f })]
    [InlineData(3, 4, new[] { -0.42883f, 1.916f, 2.28992f, 0.45851f, 2.74256f, 3.08067f, 4.60666f, 6.36388f, 7.36192f, 5.19814f, 5.7411f, 8.65039f, 10.5333f, 6.94096f, 4.98204f, 5.88461f })]
    public void Resampled_EqualsPillow(int from, int to, float[] pillow)
    {
        float[] grid = [.. Enumerable.Range(0, from * from).Select(i => (float)(((3 * (i % from) * (i % from)) + (5 * (i / from)) + (7 * (i % from) * (i / from))) % 11))];
        Closeness.AssertWithin(1e-5, pillow, PositionEmbedding.Resample(grid, from, to, 1));
    }

    /// <summary>Every new position as one sum over all old ones, weights from the definition.</summary>
    private static float[] Direct(float[] grid, int from, int to, int dim)
    {
        double scale = (double)from / to, stretch = Math.Max(1, scale);
        float[] result = new float[to * to * dim];
        for (int y = 0; y < to; y++)
            for (int x = 0; x < to; x++)
                for (int c = 0; c < dim; c++)
                {
                    double sum = 0, total = 0;
                    for (int j = 0; j < from; j++)
                        for (int i = 0; i < from; i++)
                        {
                            double weight = Keys((j + 0.5 - ((y + 0.5) * scale)) / stretch) * Keys((i + 0.5 - ((x + 0.5) * scale)) / stretch);
                            sum += weight * grid[(((j * from) + i) * dim) + c];
                            total += weight;
                        }
                    result[(((y * to) + x) * dim) + c] = (float)(sum / total);
                }
        return result;
    }

    // Keys (1981): the two pieces of the kernel for a = -1/2.
    private static double Keys(double s)
    {
        s = Math.Abs(s);
        if (s < 1) return (1.5 * s * s * s) - (2.5 * s * s) + 1;
        return s < 2 ? (-0.5 * s * s * s) + (2.5 * s * s) - (4 * s) + 2 : 0;
    }
}
