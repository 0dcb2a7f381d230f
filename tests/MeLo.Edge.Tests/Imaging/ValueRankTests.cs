using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

public sealed class ValueRankTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Percentile_IsThatOfSortedValues(int count)
    {
        Random random = new(count);
        float[] values = [.. Enumerable.Range(0, count).Select(i => i % 5 == 4 ? float.NaN : (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-3, 6))))];
        float[] sorted = [.. values.Where(v => !float.IsNaN(v)).Order()];
        foreach (double percent in (double[])[0, 0.1, 1, 33.3, 50, 99, 100])
            Assert.Equal(sorted[Math.Max(1, (int)Math.Ceiling(percent / 100 * sorted.Length)) - 1], ValueRank.Percentile(values, percent));
    }

    [Fact]
    public void OfNothing_IsZero() => Assert.Equal(0, ValueRank.Percentile([float.NaN], 50));
}
