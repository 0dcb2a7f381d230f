namespace AdapterPacker.Tests;

public sealed class Int8MeasurementTests
{
    [Theory]
    [InlineData(0, 0.06)]
    [InlineData(0.015, 0.06)]
    [InlineData(0.031, 0.062)]
    [InlineData(0.05, 0.1)]
    [InlineData(0.075, 0.15)]
    public void Tolerance_IsTwiceWhatTheProbeShowed_AndNeverTiny(double ratio, double expected)
    {
        Int8Measurement measured = new(Far(ratio), null);
        Assert.Equal(expected, measured.Tolerance!.Value, 1e-12);
        Assert.Null(measured.Damage);
    }

    [Theory]
    [InlineData(0.0751)]
    [InlineData(1)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NaN)]
    public void ProbeTooFarOff_GivesNoTolerance(double ratio)
    {
        Int8Measurement measured = new(Far(ratio), null);
        Assert.Null(measured.Tolerance);
        Assert.Contains("the probe's logits differ", measured.Damage, StringComparison.Ordinal);
        Assert.Contains("tolerance none", measured.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(99, 100, true)]
    [InlineData(98, 100, false)]
    [InlineData(1, 1, true)]
    [InlineData(98, 99, false)]
    [InlineData(990, 1000, true)]
    [InlineData(989, 1000, false)]
    public void ReferenceSet_MustKeepItsTopClass_In99Of100(int agreeing, int inputs, bool kept)
    {
        Int8Measurement measured = new(Far(0.02), Far(0.04) with { Agreeing = agreeing, Inputs = inputs });
        Assert.Equal(kept ? 0.08 : null, measured.Tolerance);
        if (!kept) Assert.Contains($"{agreeing} of {inputs} reference inputs", measured.Damage, StringComparison.Ordinal);
    }

    [Fact]
    public void ReferenceSetFarOff_DoesNotLiftTheToleranceBeyondItsLimit() =>
        Assert.Equal(0.15, new Int8Measurement(Far(0.02), Far(0.3)).Tolerance);

    private static LogitComparison Far(double ratio) => new(ratio, ratio, 1, 1, 1, 1);
}
