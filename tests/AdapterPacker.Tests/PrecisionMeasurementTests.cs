using MeLo.Edge.Models;

namespace AdapterPacker.Tests;

public sealed class PrecisionMeasurementTests
{
    [Theory]
    [InlineData(Precision.Int8, 0, 0.06)]
    [InlineData(Precision.Int8, 0.015, 0.06)]
    [InlineData(Precision.Int8, 0.031, 0.062)]
    [InlineData(Precision.Int8, 0.05, 0.1)]
    [InlineData(Precision.Int8, 0.075, 0.15)]
    [InlineData(Precision.Fp16, 0, 0.05)]
    [InlineData(Precision.Fp16, 0.0025, 0.05)]
    [InlineData(Precision.Fp16, 0.003, 0.06)]
    [InlineData(Precision.Fp16, 0.0075, 0.15)]
    public void Tolerance_IsManyTimesWhatTheProbeShowed_AndNeverTiny(Precision precision, double ratio, double expected)
    {
        PrecisionMeasurement measured = new(precision, Far(ratio), null);
        Assert.Equal(expected, measured.Tolerance!.Value, 1e-12);
        Assert.Null(measured.Damage);
        Assert.StartsWith($"{precision.Name()}: probe differs by", measured.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Precision.Int8, 0.0751, "expected at most 0.075")]
    [InlineData(Precision.Int8, 1, "expected at most 0.075")]
    [InlineData(Precision.Fp16, 0.00751, "expected at most 0.0075")]
    [InlineData(Precision.Fp16, double.PositiveInfinity, "expected at most 0.0075")]
    [InlineData(Precision.Fp16, double.NaN, "expected at most 0.0075")]
    public void ProbeTooFarOff_GivesNoTolerance(Precision precision, double ratio, string expected)
    {
        PrecisionMeasurement measured = new(precision, Far(ratio), null);
        Assert.Null(measured.Tolerance);
        Assert.Contains("the probe's logits differ", measured.Damage, StringComparison.Ordinal);
        Assert.EndsWith(expected, measured.Damage, StringComparison.Ordinal);
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
        foreach ((Precision precision, double ratio, double tolerance) in ((Precision, double, double)[])[(Precision.Int8, 0.04, 0.08), (Precision.Fp16, 0.004, 0.08)])
        {
            PrecisionMeasurement measured = new(precision, Far(ratio / 2), Far(ratio) with { Agreeing = agreeing, Inputs = inputs });
            Assert.Equal(kept ? tolerance : null, measured.Tolerance);
            if (!kept) Assert.Contains($"{agreeing} of {inputs} reference inputs", measured.Damage, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ReferenceSetFarOff_DoesNotLiftTheToleranceBeyondItsLimit() =>
        Assert.Equal([0.15, 0.15], new[] { Precision.Int8, Precision.Fp16 }.Select(p => new PrecisionMeasurement(p, Far(0.002), Far(0.3)).Tolerance!.Value));

    private static LogitComparison Far(double ratio) => new(ratio, ratio, 1, 1, 1, 1);
}
