using MeLo.Edge.Training.Data;
using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Steps;

namespace MeLo.Edge.Training.Tests.Steps;

/// <summary>The loss that the weights make, against the losses' definitions in double precision.</summary>
public sealed class LossWeightsTests
{
    private const int Classes = 3;

    // Five of the first class, two of the second, one of the third.
    private static readonly int[] s_truth = [0, 0, 1, 0, 2, 0, 1, 0];

    private static readonly double[][] s_logits = [.. s_truth.Select((_, i) => new double[] { Math.Sin(i + 1), Math.Cos(3 * i), Math.Sin(0.5 * i) - 0.3 })];

    [Theory]
    [InlineData(0, false)]
    [InlineData(0.1, false)]
    [InlineData(0.1, true)]
    [InlineData(0, true)]
    public void CrossEntropy_IsSmoothedAndWeighted(double smoothing, bool balanced)
    {
        // The mean of -sum of target log p, each sample counted by its class: samples over classes times the class's samples.
        double[] weights = [.. s_truth.Select(c => balanced ? s_truth.Length / (Classes * (double)s_truth.Count(t => t == c)) : 1)];
        double expected = s_truth.Select((truth, i) => weights[i] * Enumerable.Range(0, Classes).Sum(c =>
            (((c == truth ? 1 - smoothing : 0) + (smoothing / Classes)) * -Math.Log(Math.Exp(s_logits[i][c]) / s_logits[i].Sum(Math.Exp))))).Sum() / weights.Sum();
        Assert.Equal(expected, Loss(LossKind.CrossEntropy, [.. s_truth.Select(Targets)], new TrainingSettings { LabelSmoothing = smoothing, BalanceClasses = balanced }), 1e-6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BinaryCrossEntropy_IsTheMeanOverSamplesAndLabels(bool balanced)
    {
        // Any number of labels; smoothing is not for these.
        float[][] targets = [.. s_truth.Select((truth, i) => new float[] { truth == 0 ? 1 : 0, i % 2, 0 })];
        double expected = 0;
        for (int c = 0; c < Classes; c++)
        {
            double positives = Math.Max(1, targets.Count(t => t[c] > 0)), weight = balanced ? (targets.Length - positives) / positives : 1;
            for (int i = 0; i < targets.Length; i++)
            {
                double p = 1 / (1 + Math.Exp(-s_logits[i][c]));
                expected -= targets[i][c] > 0 ? weight * Math.Log(p) : Math.Log(1 - p);
            }
        }
        Assert.Equal(expected / (targets.Length * Classes), Loss(LossKind.BinaryCrossEntropy, targets, new TrainingSettings { LabelSmoothing = 0.1, BalanceClasses = balanced }), 1e-6);
    }

    private static float[] Targets(int label) => [.. Enumerable.Range(0, Classes).Select(c => c == label ? 1f : 0)];

    private static double Loss(LossKind kind, float[][] targets, TrainingSettings settings)
    {
        Sample[] samples = [.. targets.Select((t, i) => new Sample($"{i}", t, Patient: null, Part: null))];
        float[] positive = new float[samples.Length * Classes], negative = new float[positive.Length];
        new LossWeights(kind, samples, settings).Fill(samples, positive, negative);
        return TrainingLoss.Of(kind, [.. s_logits.SelectMany(row => row.Select(v => (float)v))], positive, negative, Classes);
    }
}
