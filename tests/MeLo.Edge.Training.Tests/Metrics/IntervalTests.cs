using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training.Tests.Metrics;

public sealed class IntervalTests
{
    // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998, table I, method 3.
    [Theory]
    [InlineData(81, 263, 0.2553, 0.3662)]
    [InlineData(15, 148, 0.0624, 0.1605)]
    [InlineData(0, 20, 0, 0.1611)]
    [InlineData(1, 29, 0.0061, 0.1718)]
    public void Share_HasThePublishedInterval(int found, int samples, double low, double high)
    {
        Interval interval = Interval.OfShare((double)found / samples, samples);
        Assert.Equal(low, interval.Low, 5e-5);
        Assert.Equal(high, interval.High, 5e-5);
        Interval others = Interval.OfShare((double)(samples - found) / samples, samples);
        Assert.Equal(1 - high, others.Low, 5e-5);
        Assert.Equal(1 - low, others.High, 5e-5);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(0.83)]
    [InlineData(0.999)]
    [InlineData(1)]
    public void Area_EndsWhereItsOwnDeviationNoLongerExplainsTheOneFound(double auc)
    {
        foreach ((int positives, int negatives) in ((int, int)[])[(1, 1), (10, 40), (100, 100), (390, 234)])
        {
            Interval interval = Interval.OfArea(auc, positives, negatives);
            // Of the definition, step by step from the outside.
            const int Steps = 1_000_000;
            int low = 0, high = Steps;
            while (!Explains((double)low / Steps)) low++;
            while (!Explains((double)high / Steps)) high--;
            Assert.Equal((double)low / Steps, interval.Low, 2.0 / Steps);
            Assert.Equal((double)high / Steps, interval.High, 2.0 / Steps);
            Interval mirrored = Interval.OfArea(1 - auc, positives, negatives);
            Assert.Equal(1 - interval.High, mirrored.Low, 1e-12);

            bool Explains(double area)
            {
                double q1 = area / (2 - area), q2 = 2 * area * area / (1 + area), square = area * area, others = ((positives + negatives) / 2.0) - 1;
                double variance = ((area * (1 - area)) + (others * (q1 - square)) + (others * (q2 - square))) / ((double)positives * negatives);
                return Math.Abs(area - auc) <= 1.959964 * Math.Sqrt(Math.Max(variance, 0)) + 1e-12;
            }
        }
    }

    // What an interval is for: drawn again and again, nineteen of twenty hold the truth.
    [Theory]
    [InlineData(40, 40, 2.0)]
    [InlineData(100, 100, 1.0)]
    [InlineData(20, 200, 3.0)]
    [InlineData(15, 15, 4.0)]
    public void NineteenOfTwenty_HoldTheTruth(int positives, int negatives, double shift)
    {
        SplitMix64 random = new(7);
        // Both normal with a deviation of 1, so that the area is the normal distribution's at shift/√2.
        double area = NormalDistribution(shift / Math.Sqrt(2)), sensitivity = NormalDistribution(shift - 1);
        int areas = 0, shares = 0;
        const int Draws = 4000;
        bool[] truth = [.. Enumerable.Range(0, positives + negatives).Select(i => i < positives)];
        double[] scores = new double[truth.Length];
        for (int draw = 0; draw < Draws; draw++)
        {
            for (int i = 0; i < scores.Length; i++) scores[i] = Normal() + (truth[i] ? shift : 0);
            Interval interval = Interval.OfArea(Roc.Auc(scores, truth), positives, negatives);
            if (interval.Low <= area && area <= interval.High) areas++;
            Interval share = Interval.OfShare((double)scores[..positives].Count(s => s >= 1) / positives, positives);
            if (share.Low <= sensitivity && sensitivity <= share.High) shares++;
        }
        Assert.InRange((double)areas / Draws, 0.93, 0.985);
        Assert.InRange((double)shares / Draws, 0.92, 0.985);

        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.Unit())) * Math.Cos(2 * Math.PI * random.Unit());
    }

    // Half of the patients have one sample, few have most of all samples, and each is answered wholly right or wholly wrong.
    [Fact]
    public void PatientsOfManySamples_AreNoMoreThanOneEach()
    {
        SplitMix64 random = new(11);
        int[] sizes = [.. Enumerable.Repeat(1, 15), .. Enumerable.Repeat(3, 8), .. Enumerable.Repeat(20, 5), 60, 60];
        int[] sources = [.. sizes.SelectMany((size, source) => Enumerable.Repeat(source, size))];
        const double Truth = 0.8;
        int held = 0, heldByPatients = 0;
        const int Draws = 4000;
        for (int draw = 0; draw < Draws; draw++)
        {
            bool[] right = [.. sizes.Select(_ => random.Unit() < Truth)];
            LabelledLogits answers = new([.. sources.Select(s => right[s] ? 1f : -1f)], [.. sources.Select(_ => 1f)], 1, IsMultiLabel: true) { Sources = sources };
            Evaluation evaluation = Evaluation.Of(answers, 1, [0.5]);
            if (evaluation.AccuracyInterval.Low <= Truth && Truth <= evaluation.AccuracyInterval.High) held++;
            Interval naive = Interval.OfShare(evaluation.Accuracy, sizes.Length);
            if (naive.Low <= Truth && Truth <= naive.High) heldByPatients++;
        }
        Assert.InRange((double)held / Draws, 0.92, 0.985);
        Assert.True((double)heldByPatients / Draws < 0.75, "Counting patients alone should be too narrow.");
    }

    [Fact]
    public void WhatIsNotDefined_HasNone()
    {
        foreach (Interval interval in (Interval[])[Interval.OfShare(double.NaN, 0), Interval.OfArea(double.NaN, 0, 5), Interval.OfArea(double.NaN, 5, 0), Interval.OfMean([]), Interval.OfMean([Interval.OfShare(0, 0)])])
        {
            Assert.True(double.IsNaN(interval.Low) && double.IsNaN(interval.High));
            Assert.Equal("–", interval.ToString());
        }
        Assert.Equal("12.3–45.7 %", new Interval(0.1234, 0.4567).Percent);
        Assert.Equal("–", Interval.OfMean([]).Percent);
        Assert.Equal("0.250–0.750", Interval.OfMean([new(0.2, 0.7), new(double.NaN, double.NaN), new(0.3, 0.8)]).ToString());
    }

    [Fact]
    public void SamplesOfOneSource_CountAsOne()
    {
        LabelledLogits answers = new([2, -1, -2, 1, 1, -3], [1, 0, 1, 0, 0, 1], 1, IsMultiLabel: true);
        Assert.Equal(6, answers.Independent(_ => true));
        LabelledLogits patients = answers with { Sources = [7, 7, 7, 2, 3, 4] };
        // One with three, three with one.
        Assert.Equal(36.0 / 12, patients.Independent(_ => true));
        Assert.Equal(2, (answers with { Sources = [1, 1, 1, 2, 2, 2] }).Independent(_ => true));
        Assert.Equal(0, patients.Independent(_ => false));
        ClassEvaluation one = Evaluation.Of(patients, 1, [0.5]).Classes[0];
        // With the label: two of one patient and one of another; without: three of three.
        Assert.Equal(Interval.OfArea(one.Auc, 9.0 / 5, 3), one.AucInterval);
        Assert.Equal(Interval.OfShare(one.Sensitivity, 9.0 / 5), one.SensitivityInterval);
        Assert.Equal(Interval.OfShare(one.Specificity, 3), one.SpecificityInterval);
        Assert.Equal(Evaluation.Of(answers, 1, [0.5]).Auc, one.Auc);
    }

    // By its series (Abramowitz and Stegun 26.2.10), which converges everywhere.
    private static double NormalDistribution(double x)
    {
        double term = x, sum = x;
        for (int k = 1; k < 200; k++)
        {
            term *= -x * x / (2 * k);
            sum += term / ((2 * k) + 1);
        }
        return 0.5 + (sum / Math.Sqrt(2 * Math.PI));
    }
}
