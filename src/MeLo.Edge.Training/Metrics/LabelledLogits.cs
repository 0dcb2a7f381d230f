namespace MeLo.Edge.Training.Metrics;

/// <summary>What a model answered for a set of samples, beside the truth.</summary>
/// <param name="Logits">[samples, classes], row-major, finite.</param>
/// <param name="Targets">[samples, classes], 1 where the label applies and 0 elsewhere.</param>
/// <param name="Classes">The number of classes, from 1; from 2 unless multi-label.</param>
/// <param name="IsMultiLabel">Whether a probability is the sigmoid of its logit instead of the softmax over all.</param>
internal sealed record LabelledLogits(float[] Logits, float[] Targets, int Classes, bool IsMultiLabel)
{
    /// <summary>Where each sample comes from, such as a patient, as a number: what has the same source may say nothing new. Null where every sample has its own.</summary>
    public IReadOnlyList<int>? Sources { get; init; }

    /// <summary>The number of samples.</summary>
    public int Samples => Logits.Length / Classes;

    /// <summary>Whether a sample has a label.</summary>
    public bool Applies(int sample, int label) => Targets[(sample * Classes) + label] > 0.5f;

    /// <summary>Which samples have a label.</summary>
    public bool[] Truth(int label)
    {
        bool[] truth = new bool[Samples];
        for (int i = 0; i < truth.Length; i++) truth[i] = Applies(i, label);
        return truth;
    }

    /// <summary>
    /// How many independent samples some are worth, if those of one source are all alike: Kish's effective number, (Σ m)² / Σ m² over the sources' numbers m of samples (Kish, Survey Sampling, 1965, section 11.7).
    /// One source that has most of them is worth little more than one.
    /// </summary>
    public double Independent(Func<int, bool> which)
    {
        int[] chosen = [.. Enumerable.Range(0, Samples).Where(which)];
        if (Sources is null || chosen.Length == 0) return chosen.Length;
        return (double)chosen.Length * chosen.Length / chosen.CountBy(i => Sources[i]).Sum(source => (double)source.Value * source.Value);
    }

    /// <summary>
    /// [samples, classes]: log p/(1 - p) of each class. They order samples as probabilities do, and go on where those have become 1.
    /// </summary>
    /// <param name="temperature">What logits are divided by, above 0.</param>
    public double[] LogOdds(double temperature)
    {
        double[] odds = new double[Logits.Length];
        for (int i = 0; i < odds.Length; i++) odds[i] = Logits[i] / temperature;
        if (IsMultiLabel) return odds;
        for (int row = 0; row < odds.Length; row += Classes) AgainstTheRest(odds.AsSpan(row, Classes));
        return odds;
    }

    /// <summary>The probability of log-odds.</summary>
    public static double Probability(double logOdds) => 1 / (1 + Math.Exp(-logOdds));

    /// <summary>The most probable class of a sample; the first of several. For single-label data.</summary>
    public int Answer(int sample)
    {
        ReadOnlySpan<float> logits = Logits.AsSpan(sample * Classes, Classes);
        int answer = 0;
        for (int c = 1; c < Classes; c++) if (logits[c] > logits[answer]) answer = c;
        return answer;
    }

    // Log-odds under softmax: z_c - log sum of exp z_j over the others.
    private static void AgainstTheRest(Span<double> z)
    {
        int first = 0;
        for (int c = 1; c < z.Length; c++) if (z[c] > z[first]) first = c;
        double max = z[first], second = double.NegativeInfinity, sum = 0;
        for (int c = 0; c < z.Length; c++)
        {
            sum += Math.Exp(z[c] - max);
            if (c != first) second = Math.Max(second, z[c]);
        }
        // The largest term must not be subtracted from the sum again: what is left of the others would be rounding.
        double others = 0;
        for (int c = 0; c < z.Length; c++)
        {
            if (c != first) others += Math.Exp(z[c] - second);
        }
        for (int c = 0; c < z.Length; c++)
        {
            z[c] = c == first ? max - (second + Math.Log(others)) : z[c] - (max + Math.Log(sum - Math.Exp(z[c] - max)));
        }
    }
}
