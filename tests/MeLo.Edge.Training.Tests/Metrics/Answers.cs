using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training.Tests.Metrics;

/// <summary>Random answers and truths; the same seed gives the same.</summary>
internal static class Answers
{
    /// <param name="samples">How many.</param>
    /// <param name="classes">Of how many classes.</param>
    /// <param name="isMultiLabel">Any number of labels a sample.</param>
    /// <param name="skill">How much the truth's logit is above the others.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="step">Logits are multiples of it, for ties; 0 for none.</param>
    public static LabelledLogits Random(int samples, int classes, bool isMultiLabel, double skill, ulong seed, double step = 0)
    {
        SplitMix64 random = new(seed);
        float[] logits = new float[samples * classes], targets = new float[samples * classes];
        for (int i = 0; i < samples; i++)
        {
            int truth = random.Below(classes);
            for (int c = 0; c < classes; c++)
            {
                bool applies = isMultiLabel ? random.Unit() < 0.3 : c == truth;
                double logit = random.Between(-2, 2) + random.Between(-2, 2) + (applies ? skill : 0);
                logits[(i * classes) + c] = (float)(step > 0 ? Math.Round(logit / step) * step : logit);
                targets[(i * classes) + c] = applies ? 1 : 0;
            }
        }
        return new LabelledLogits(logits, targets, classes, isMultiLabel);
    }

    /// <summary>[samples][classes]: probabilities as the textbook computes them.</summary>
    public static double[][] Probabilities(LabelledLogits answers, double temperature) =>
    [
        .. Enumerable.Range(0, answers.Samples).Select(i =>
        {
            double[] z = [.. answers.Logits.Skip(i * answers.Classes).Take(answers.Classes).Select(v => v / temperature)];
            return answers.IsMultiLabel ? [.. z.Select(v => 1 / (1 + Math.Exp(-v)))] : z.Select(v => Math.Exp(v) / z.Sum(Math.Exp)).ToArray();
        }),
    ];
}
