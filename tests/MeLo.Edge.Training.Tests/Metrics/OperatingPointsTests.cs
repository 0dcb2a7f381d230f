using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training.Tests.Metrics;

public sealed class OperatingPointsTests
{
    [Fact]
    public void Threshold_HasTheLargestYoudenIndexOfAll()
    {
        for (ulong seed = 0; seed < 30; seed++)
        {
            // Ties only of sigmoids: of softmaxes, rounding tells them apart, and here otherwise than there.
            LabelledLogits answers = Answers.Random(80, 3, isMultiLabel: seed % 2 == 0, skill: 1, seed, step: seed % 4 == 0 ? 0.5 : 0);
            double[] thresholds = OperatingPoints.Choose(answers, 1.3);
            double[][] p = Answers.Probabilities(answers, 1.3);
            Evaluation evaluation = Evaluation.Of(answers, 1.3, thresholds);
            for (int c = 0; c < 3; c++)
            {
                // Between any two probabilities, and outside.
                double[] sorted = [.. p.Select(row => row[c]).Order()];
                double best = sorted.Zip(sorted.Skip(1), (a, b) => Index((a + b) / 2)).Append(0).Max();
                Assert.Equal(best, Index(thresholds[c]), 1e-12);
                Assert.Equal(best, evaluation.Classes[c].Sensitivity + evaluation.Classes[c].Specificity - 1, 1e-12);

                double Index(double threshold)
                {
                    double positives = Enumerable.Range(0, 80).Count(i => answers.Applies(i, c));
                    return (Enumerable.Range(0, 80).Count(i => answers.Applies(i, c) && p[i][c] >= threshold) / positives)
                        + (Enumerable.Range(0, 80).Count(i => !answers.Applies(i, c) && p[i][c] < threshold) / (80 - positives)) - 1;
                }
            }
        }
    }

    [Fact]
    public void OfEquallyGoodOnes_TheOneNearestToAHalf()
    {
        // All separated: anything between the two in the middle is as good, so midway.
        LabelledLogits answers = new([-3, -1, 2, 4], [0, 0, 1, 1], 1, IsMultiLabel: true);
        double midway = (LabelledLogits.Probability(-1) + LabelledLogits.Probability(2)) / 2;
        Assert.Equal(midway, OperatingPoints.Choose(answers, 1)[0], 1e-12);
        // Between the first two and between the last two the index is one half; the second is nearer to 0.5.
        LabelledLogits two = new([-3, -2.5f, 1, 1.5f], [0, 1, 0, 1], 1, IsMultiLabel: true);
        Assert.Equal((LabelledLogits.Probability(1) + LabelledLogits.Probability(1.5f)) / 2, OperatingPoints.Choose(two, 1)[0], 1e-12);
    }

    [Theory]
    [InlineData(new float[] { 1, 2, 3 }, new float[] { 1, 1, 1 })]
    [InlineData(new float[] { 1, 2, 3 }, new float[] { 0, 0, 0 })]
    [InlineData(new float[] { 2, 2, 2 }, new float[] { 0, 1, 0 })]
    [InlineData(new float[] { 1, 2, 3, 4 }, new float[] { 1, 1, 0, 0 })]
    [InlineData(new float[0], new float[0])]
    public void WhereSamplesDoNotSay_ItIsAHalf(float[] logits, float[] targets) =>
        Assert.Equal([0.5], OperatingPoints.Choose(new LabelledLogits(logits, targets, 1, IsMultiLabel: true), 1));

    [Fact]
    public void NeighboursAmongDoubles_AreStillToldApart()
    {
        // Near certainty two probabilities differ in their last bit, and there is nothing between them.
        float[] logits = [36.3f, 36.9f];
        LabelledLogits answers = new(logits, [0, 1], 1, IsMultiLabel: true);
        Assert.True(LabelledLogits.Probability(logits[0]) < LabelledLogits.Probability(logits[1]));
        Evaluation evaluation = Evaluation.Of(answers, 1, OperatingPoints.Choose(answers, 1));
        Assert.Equal((1, 1), (evaluation.Classes[0].Sensitivity, evaluation.Classes[0].Specificity));
    }
}
