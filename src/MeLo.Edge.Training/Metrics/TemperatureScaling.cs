namespace MeLo.Edge.Training.Metrics;

/// <summary>One number that makes probabilities mean frequencies (Guo et al., "On calibration of modern neural networks", ICML 2017): logits are divided by it.</summary>
internal static class TemperatureScaling
{
    /// <summary>The lowest and the highest temperature: beyond, probabilities are 0 and 1, or all alike.</summary>
    public const double Min = 0.05, Max = 20;

    private const double Precision = 1e-12;

    /// <summary>
    /// The temperature with the smallest negative log-likelihood. 1 where colder is always better, which is when every answer is right: such samples say nothing about how far to trust one.
    /// <see cref="Max"/> where hotter is always better: such answers are no better than chance.
    /// </summary>
    /// <param name="validation">Answers for samples that the figures are not reported on.</param>
    /// <remarks>The likelihood is convex in 1/T, so that its slope has one zero at most: Newton's method, held within an interval that shrinks.</remarks>
    public static double Fit(LabelledLogits validation)
    {
        double low = 1 / Max, high = 1 / Min;
        if (Slope(validation, high).First <= 0) return 1;
        if (Slope(validation, low).First >= 0) return Max;
        double beta = 1;
        while (high - low > Precision * high)
        {
            (double first, double second) = Slope(validation, beta);
            if (first == 0) break;
            if (first > 0) high = beta;
            else low = beta;
            double next = beta - (first / second);
            if (!(next > low && next < high)) next = (low + high) / 2;
            if (Math.Abs(next - beta) <= Precision * beta) break;
            beta = next;
        }
        return 1 / beta;
    }

    /// <summary>The first and second derivative of the negative log-likelihood by 1/T, in sum over the samples.</summary>
    private static (double First, double Second) Slope(LabelledLogits answers, double beta)
    {
        double first = 0, second = 0;
        int classes = answers.Classes;
        double[] weights = new double[classes];
        for (int i = 0; i < answers.Samples; i++)
        {
            ReadOnlySpan<float> x = answers.Logits.AsSpan(i * classes, classes), target = answers.Targets.AsSpan(i * classes, classes);
            if (answers.IsMultiLabel)
            {
                for (int c = 0; c < classes; c++)
                {
                    double p = LabelledLogits.Probability(beta * x[c]);
                    first += (p - target[c]) * x[c];
                    second += p * (1 - p) * x[c] * (double)x[c];
                }
                continue;
            }
            double max = double.NegativeInfinity, sum = 0, mean = 0, variance = 0;
            foreach (float value in x) max = Math.Max(max, beta * value);
            for (int c = 0; c < classes; c++) sum += weights[c] = Math.Exp((beta * x[c]) - max);
            for (int c = 0; c < classes; c++) mean += weights[c] / sum * x[c];
            for (int c = 0; c < classes; c++)
            {
                variance += weights[c] / sum * (x[c] - mean) * (x[c] - mean);
                first -= target[c] * x[c];
            }
            first += mean;
            second += variance;
        }
        return (first, second);
    }
}
