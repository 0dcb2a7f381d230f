using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training.Tests.Metrics;

public sealed class EvaluationTests
{
    [Fact]
    public void ThreeClasses_ByHand()
    {
        // Truth 0 0 0 1 1 2, answers 0 0 1 1 2 2.
        float[] logits = [3, 0, 0, 2, 1, 0, 0, 1, 0, 0, 4, 0, 0, 1, 2, 0, 0, 1];
        LabelledLogits answers = new(logits, OneHot([0, 0, 0, 1, 1, 2], 3), 3, IsMultiLabel: false);
        Evaluation evaluation = Evaluation.Of(answers, 1, [0.5, 0.5, 0.5]);

        Assert.Equal(6, evaluation.Samples);
        Assert.Equal(4.0 / 6, evaluation.Accuracy, 1e-15);
        Assert.Equal([2, 1, 0, 0, 1, 1, 0, 0, 1], evaluation.Confusion!.Counts);
        Assert.Equal(1, evaluation.Confusion[1, 2]);
        // Class 0: TP 2, FP 0, FN 1. Class 1: 1, 1, 1. Class 2: 1, 1, 0.
        Assert.Equal([0.8, 0.5, 2.0 / 3], evaluation.Classes.Select(c => c.F1), (a, b) => Math.Abs(a - b) < 1e-15);
        Assert.Equal((0.8 + 0.5 + (2.0 / 3)) / 3, evaluation.F1, 1e-15);
        Assert.Equal([3, 2, 1], evaluation.Classes.Select(c => c.Positives));
        // At 0.5 class 0 has (3 0 0) at 0.91 and (2 1 0) at 0.67; (0 1 0) has 0.21.
        Assert.Equal(2.0 / 3, evaluation.Classes[0].Sensitivity, 1e-15);
        Assert.Equal(1, evaluation.Classes[0].Specificity);
    }

    [Fact]
    public void SeveralLabels_ByHand()
    {
        LabelledLogits answers = new([2, -1, -2, 1, 1, -3, 0, 5], [1, 0, 1, 1, 0, 0, 1, 1], 2, IsMultiLabel: true);
        Evaluation evaluation = Evaluation.Of(answers, 1, [0.5, 0.9]);
        Assert.Null(evaluation.Confusion);
        Assert.Equal(6.0 / 8, evaluation.Accuracy);
        // Label 0: said 1 0 1 1, true 1 1 0 1; label 1: said 0 1 0 1, as it is.
        Assert.Equal([4.0 / 6, 1], evaluation.Classes.Select(c => c.F1), (a, b) => Math.Abs(a - b) < 1e-15);
        Assert.Equal((2.0 / 3, 0), (evaluation.Classes[0].Sensitivity, evaluation.Classes[0].Specificity));
        Assert.Equal((0.5, 1), (evaluation.Classes[1].Sensitivity, evaluation.Classes[1].Specificity));
        // Positives 2, -2, 0 against the negative 1: one of three is above.
        Assert.Equal([1.0 / 3, 1], evaluation.Classes.Select(c => c.Auc), (a, b) => Math.Abs(a - b) < 1e-15);
        Assert.Equal(2.0 / 3, evaluation.Auc, 1e-15);
    }

    [Theory]
    [InlineData(2, false, 0)]
    [InlineData(2, false, 0.5)]
    [InlineData(5, false, 0)]
    [InlineData(5, false, 1)]
    [InlineData(1, true, 0)]
    [InlineData(4, true, 0.5)]
    public void EveryFigure_IsWhatTheTextbookGives(int classes, bool isMultiLabel, double step)
    {
        for (ulong seed = 0; seed < 10; seed++)
        {
            LabelledLogits answers = Answers.Random(120, classes, isMultiLabel, skill: 1.5, seed, step);
            double temperature = 0.5 + (0.3 * seed);
            double[] thresholds = [.. Enumerable.Range(0, classes).Select(c => 0.2 + (0.1 * c))];
            Evaluation evaluation = Evaluation.Of(answers, temperature, thresholds);
            double[][] p = Answers.Probabilities(answers, temperature);
            bool[][] truth = [.. Enumerable.Range(0, 120).Select(i => Enumerable.Range(0, classes).Select(c => answers.Applies(i, c)).ToArray())];
            bool[][] said = [.. p.Select(row => row.Select((v, c) => isMultiLabel ? v >= 0.5 : c == Array.IndexOf(row, row.Max())).ToArray())];

            double loss = isMultiLabel
                ? p.SelectMany((row, i) => row.Select((v, c) => -Math.Log(truth[i][c] ? v : 1 - v))).Average()
                : p.Select((row, i) => -Math.Log(row[Array.IndexOf(truth[i], true)])).Average();
            Assert.Equal(loss, evaluation.Loss, 1e-9);
            double accuracy = isMultiLabel
                ? said.SelectMany((row, i) => row.Select((s, c) => s == truth[i][c] ? 1.0 : 0)).Average()
                : said.Select((row, i) => row.SequenceEqual(truth[i]) ? 1.0 : 0).Average();
            Assert.Equal(accuracy, evaluation.Accuracy, 1e-12);
            for (int c = 0; c < classes; c++)
            {
                int Count(Func<int, bool> which) => Enumerable.Range(0, 120).Count(which);
                double tp = Count(i => said[i][c] && truth[i][c]), fp = Count(i => said[i][c] && !truth[i][c]), fn = Count(i => !said[i][c] && truth[i][c]);
                Assert.Equal(2 * tp / ((2 * tp) + fp + fn), evaluation.Classes[c].F1, 1e-12);
                Assert.Equal((double)Count(i => p[i][c] >= thresholds[c] && truth[i][c]) / Count(i => truth[i][c]), evaluation.Classes[c].Sensitivity, 1e-12);
                Assert.Equal((double)Count(i => p[i][c] < thresholds[c] && !truth[i][c]) / Count(i => !truth[i][c]), evaluation.Classes[c].Specificity, 1e-12);
            }
            Assert.Equal(evaluation.Classes.Average(c => c.Auc), evaluation.Auc, 1e-12);

            // The expected calibration error, bin by bin.
            List<(double Confidence, bool IsRight)> all = isMultiLabel
                ? [.. p.SelectMany((row, i) => row.Select((v, c) => (Math.Max(v, 1 - v), (v >= 0.5) == truth[i][c])))]
                : [.. p.Select((row, i) => (row.Max(), truth[i][Array.IndexOf(row, row.Max())]))];
            double ece = 0;
            for (int bin = 0; bin < 15; bin++)
            {
                (double Confidence, bool IsRight)[] within = [.. all.Where(a => a.Confidence > bin / 15.0 && a.Confidence <= (bin + 1) / 15.0)];
                Assert.Equal(within.Length, evaluation.Reliability.Bins[bin].Count);
                if (within.Length > 0) ece += Math.Abs(within.Average(a => a.Confidence) - within.Average(a => a.IsRight ? 1.0 : 0)) * within.Length / all.Count;
            }
            Assert.Equal(ece, evaluation.Ece, 1e-9);
        }
    }

    // By another program: Python's math.fsum and exp over the definitions, all pairs for the area, a search by thirds for the temperature.
    [Fact]
    public void SixteenSamples_HaveTheFiguresOfAnotherProgram()
    {
        float[] logits =
        [
            -1.11f, 0.22f, 0.11f, -0.53f, 3.04f, 0.09f, -0.62f, 3.28f, 2.09f, -0.88f, 2.24f, -0.78f, -0.58f, -0.53f, 5.04f, 0.03f, 0.26f, 3.01f, 3.03f, -0.34f, 1.06f, 3.71f, -2.19f, 1.45f,
            3.0f, 3.43f, -1.42f, -3.64f, 2.99f, -0.78f, 1.42f, 0.69f, 0.34f, 0.44f, -0.65f, 3.93f, 4.26f, 0.05f, -0.68f, 3.1f, 0.72f, -1.56f, 1.31f, 1.57f, -0.14f, -0.49f, 2.32f, -0.05f,
        ];
        LabelledLogits answers = new(logits, OneHot([2, 1, 2, 1, 2, 2, 2, 2, 0, 1, 0, 2, 0, 0, 0, 1], 3), 3, IsMultiLabel: false);
        double temperature = TemperatureScaling.Fit(answers);
        Evaluation asIs = Evaluation.Of(answers, 1, [0.5, 0.5, 0.5]), calibrated = Evaluation.Of(answers, temperature, [0.5, 0.5, 0.5]);
        Assert.Equal(1.3187317516107824, temperature, 1e-6);
        Assert.Equal(0.6197364958548779, asIs.Loss, 1e-7);
        Assert.Equal(0.5986751593074192, calibrated.Loss, 1e-7);
        Assert.Equal([0.890909090909091, 1.0, 0.9682539682539681], asIs.Classes.Select(c => c.Auc), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal(0.953054353054353, asIs.Auc, 1e-12);
        Assert.Equal(0.25893941524272274, asIs.Ece, 1e-7);
        Assert.Equal(0.16812999142879198, calibrated.Ece, 1e-6);
        Assert.Equal(0.625, asIs.Accuracy);
        Assert.Equal(0.6222222222222222, asIs.F1, 1e-12);
    }

    [Fact]
    public void AClassThatNoSampleHas_IsLeftOutOfMeans()
    {
        LabelledLogits answers = new([3, 0, 0, 0, 3, 0], OneHot([0, 1], 3), 3, IsMultiLabel: false);
        Evaluation evaluation = Evaluation.Of(answers, 1, [0.5, 0.5, 0.5]);
        Assert.True(double.IsNaN(evaluation.Classes[2].Auc));
        Assert.True(double.IsNaN(evaluation.Classes[2].F1));
        Assert.True(double.IsNaN(evaluation.Classes[2].Sensitivity));
        Assert.Equal((1, 1, 1), (evaluation.Auc, evaluation.F1, evaluation.Accuracy));
    }

    [Fact]
    public void LogitsFarApart_StillOrderSamples()
    {
        // As probabilities all three are 1, and the area would be one half.
        LabelledLogits answers = new([100, 0, 200, 0, 300, 0], OneHot([1, 0, 0], 2), 2, IsMultiLabel: false);
        Evaluation evaluation = Evaluation.Of(answers, 1, [0.5, 0.5]);
        Assert.Equal(1, evaluation.Auc);
        Assert.Equal(100.0 / 3, evaluation.Loss, 1e-9);
        Assert.True(double.IsFinite(evaluation.Ece));
    }

    private static float[] OneHot(int[] truth, int classes) => [.. truth.SelectMany(t => Enumerable.Range(0, classes).Select(c => c == t ? 1f : 0))];
}
