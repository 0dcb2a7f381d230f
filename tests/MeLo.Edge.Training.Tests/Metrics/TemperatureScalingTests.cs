using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training.Tests.Metrics;

public sealed class TemperatureScalingTests
{
    [Theory]
    [InlineData(2, false)]
    [InlineData(6, false)]
    [InlineData(1, true)]
    [InlineData(3, true)]
    public void Temperature_HasTheSmallestLoss(int classes, bool isMultiLabel)
    {
        for (ulong seed = 0; seed < 20; seed++)
        {
            LabelledLogits answers = Answers.Random(200, classes, isMultiLabel, skill: 1.5, seed);
            double temperature = TemperatureScaling.Fit(answers), loss = Loss(temperature);
            Assert.InRange(temperature, 0.3, 10);
            // The golden section of the logarithm, which knows no slopes.
            double low = Math.Log(0.05), high = Math.Log(20), ratio = (Math.Sqrt(5) - 1) / 2;
            while (high - low > 1e-9)
            {
                double a = high - (ratio * (high - low)), b = low + (ratio * (high - low));
                if (Loss(Math.Exp(a)) < Loss(Math.Exp(b))) high = b;
                else low = a;
            }
            Assert.Equal(Math.Exp(low), temperature, 1e-6);
            Assert.True(loss <= Loss(temperature * 1.001) && loss <= Loss(temperature / 1.001));

            double Loss(double t) => Evaluation.Of(answers, t, new double[classes]).Loss;
        }
    }

    [Fact]
    public void LogitsThatWereMultiplied_GiveThatTemperature()
    {
        // Labels drawn with the probabilities that the logits say: the best temperature is near 1; of three times the logits, three times that.
        SplitMix64 random = new(4);
        float[] logits = new float[4000 * 3], targets = new float[4000 * 3];
        for (int i = 0; i < 4000; i++)
        {
            double[] z = [random.Between(-2, 2), random.Between(-2, 2), random.Between(-2, 2)];
            double draw = random.Unit() * z.Sum(Math.Exp);
            int label = draw < Math.Exp(z[0]) ? 0 : draw < Math.Exp(z[0]) + Math.Exp(z[1]) ? 1 : 2;
            for (int c = 0; c < 3; c++) logits[(i * 3) + c] = (float)z[c];
            targets[(i * 3) + label] = 1;
        }
        double one = TemperatureScaling.Fit(new LabelledLogits(logits, targets, 3, false));
        double three = TemperatureScaling.Fit(new LabelledLogits([.. logits.Select(v => 3 * v)], targets, 3, false));
        Assert.InRange(one, 0.93, 1.07);
        Assert.Equal(3 * one, three, 1e-5);
        LabelledLogits sharp = new([.. logits.Select(v => 3 * v)], targets, 3, false);
        Assert.True(Evaluation.Of(sharp, three, new double[3]).Ece < Evaluation.Of(sharp, 1, new double[3]).Ece / 3);
    }

    [Fact]
    public void AnswersThatAreAllRight_SayNothing() =>
        Assert.Equal(1, TemperatureScaling.Fit(new LabelledLogits([2, -1, 0, 3], [1, 0, 0, 1], 2, IsMultiLabel: false)));

    [Fact]
    public void AnswersWorseThanChance_GetTheHighest() =>
        Assert.Equal(TemperatureScaling.Max, TemperatureScaling.Fit(new LabelledLogits([2, -1, 0, 3], [0, 1, 1, 0], 2, IsMultiLabel: false)));

    [Fact]
    public void LogitsThatAreAllAlike_SayNothing() =>
        Assert.Equal(1, TemperatureScaling.Fit(new LabelledLogits([0, 0, 0, 0], [0, 1, 1, 0], 2, IsMultiLabel: false)));
}
