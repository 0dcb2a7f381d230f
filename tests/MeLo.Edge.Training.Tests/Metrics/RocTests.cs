using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training.Tests.Metrics;

public sealed class RocTests
{
    [Theory]
    [InlineData(new double[] { 1, 2, 3, 4 }, new bool[] { false, false, true, true }, 1)]
    [InlineData(new double[] { 1, 2, 3, 4 }, new bool[] { true, true, false, false }, 0)]
    [InlineData(new double[] { 5, 5, 5, 5 }, new bool[] { true, false, true, false }, 0.5)]
    [InlineData(new double[] { 0.1, 0.4, 0.35, 0.8 }, new bool[] { false, false, true, true }, 0.75)]
    [InlineData(new double[] { 1, 2, 2, 3 }, new bool[] { false, false, true, true }, 0.875)]
    [InlineData(new double[] { 1, 2 }, new bool[] { true, true }, double.NaN)]
    [InlineData(new double[] { 1, 2 }, new bool[] { false, false }, double.NaN)]
    [InlineData(new double[0], new bool[0], double.NaN)]
    public void Area_ByHand(double[] scores, bool[] positives, double expected) => Assert.Equal(expected, Roc.Auc(scores, positives));

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(2)]
    public void Area_IsTheShareOfPairsInOrder_AndTheIntegralOfTheCurve(double step)
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            LabelledLogits answers = Answers.Random(150, 1, isMultiLabel: true, skill: 1, seed, step);
            double[] scores = [.. answers.Logits.Select(v => (double)v)];
            bool[] positives = answers.Truth(0);
            double pairs = 0, inOrder = 0;
            for (int p = 0; p < scores.Length; p++)
            {
                for (int n = 0; n < scores.Length; n++)
                {
                    if (!positives[p] || positives[n]) continue;
                    pairs++;
                    inOrder += scores[p] > scores[n] ? 1 : scores[p] == scores[n] ? 0.5 : 0;
                }
            }
            Assert.Equal(inOrder / pairs, Roc.Auc(scores, positives), 1e-12);

            IReadOnlyList<RocPoint> curve = Roc.Curve(scores, positives);
            double area = curve.Zip(curve.Skip(1), (a, b) => (b.FalsePositiveRate - a.FalsePositiveRate) * (a.TruePositiveRate + b.TruePositiveRate) / 2).Sum();
            Assert.Equal(inOrder / pairs, area, 1e-12);
        }
    }

    [Fact]
    public void Curve_HasItsCornersAndNothingElse()
    {
        double[] scores = [9, 8, 7, 6, 5, 4, 3, 3, 2];
        bool[] positives = [true, true, false, false, true, false, true, false, false];
        // Tied scores are one slanted step; the two positives at the beginning are one line.
        Assert.Equal(
            [new(0, 0), new(0, 0.5), new(0.4, 0.5), new(0.4, 0.75), new(0.6, 0.75), new(0.8, 1), new(1, 1)],
            Roc.Curve(scores, positives));
        Assert.Equal([new(0, 0), new(1, 1)], Roc.Curve([1, 1, 1], [true, false, true]));
        Assert.Empty(Roc.Curve([1, 2], [true, true]));
    }
}
