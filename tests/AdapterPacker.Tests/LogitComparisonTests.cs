namespace AdapterPacker.Tests;

public sealed class LogitComparisonTests
{
    [Fact]
    public void Figures_AreThoseOfAHandCount()
    {
        // Differences 1, 0, 0.5, 4; both inputs change their largest class. The smaller cosine is the second input's.
        LogitComparison found = LogitComparison.Of([4, 4, 0.5f, -2], [3, 4, 1, 2], classes: 2);
        Assert.Equal(4, found.LargestDifference);
        Assert.Equal(5.5 / 4, found.MeanDifference, 1e-12);
        Assert.Equal((0.5 - 4) / Math.Sqrt(4.25 * 5), found.SmallestCosine, 1e-12);
        Assert.Equal((4, 1.0), (found.LargestReference, found.Ratio));
        Assert.Equal((2, 0), (found.Inputs, found.Agreeing)); // of equal logits the first counts: 0, not 1
    }

    [Fact]
    public void Cosine_IgnoresLength_AndSeesTheOppositeDirection()
    {
        Assert.Equal(1, LogitComparison.Of([2, 4, 6], [1, 2, 3], classes: 3).SmallestCosine, 1e-12);
        Assert.Equal(-1, LogitComparison.Of([1, 2, 3, -1, -2, -3], [1, 2, 3, 1, 2, 3], classes: 3).SmallestCosine, 1e-12);
        Assert.Equal(0, LogitComparison.Of([0, 1], [1, 0], classes: 2).SmallestCosine, 1e-12);
        Assert.True(double.IsNaN(LogitComparison.Of([0, 0, 1, 2], [1, 2, 1, 2], classes: 2).SmallestCosine));
    }

    [Fact]
    public void SmallLogits_AreMeasuredAgainstOne()
    {
        Assert.Equal(0.25, LogitComparison.Of([0.5f], [0.25f], classes: 1).Ratio);
        Assert.Equal(0.25, LogitComparison.Of([-6], [-8], classes: 1).Ratio);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void ValueThatIsNotFinite_IsInfinitelyFar_AndNaNAgreesWithNothing(float value)
    {
        LogitComparison found = LogitComparison.Of([value, 1, 2, 1], [2, 1, 2, 1], classes: 2);
        Assert.Equal((double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity), (found.LargestDifference, found.MeanDifference, found.Ratio));
        Assert.Equal(float.IsNaN(value) ? 1 : 2, found.Agreeing);
        Assert.True(double.IsNaN(found.SmallestCosine));
    }
}
