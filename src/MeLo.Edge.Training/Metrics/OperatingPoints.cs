namespace MeLo.Edge.Training.Metrics;

/// <summary>From which probability on a label is said to apply.</summary>
internal static class OperatingPoints
{
    /// <summary>What is taken where samples do not say.</summary>
    private const double Undecided = 0.5;

    /// <summary>
    /// For each class the threshold with the largest sum of sensitivity and specificity (Youden, "Index for rating diagnostic tests", Cancer 3, 1950): midway between two samples' probabilities, and
    /// of several equally good ones the one nearest to 0.5. It is 0.5 for a class without both kinds of samples, or where no threshold is better than none.
    /// </summary>
    /// <param name="validation">Answers for samples that the figures are not reported on.</param>
    /// <param name="temperature">What logits are divided by, above 0.</param>
    public static double[] Choose(LabelledLogits validation, double temperature)
    {
        double[] odds = validation.LogOdds(temperature), thresholds = new double[validation.Classes];
        for (int c = 0; c < thresholds.Length; c++)
        {
            double[] probabilities = new double[validation.Samples];
            for (int i = 0; i < probabilities.Length; i++) probabilities[i] = LabelledLogits.Probability(odds[(i * validation.Classes) + c]);
            thresholds[c] = Youden(probabilities, validation.Truth(c));
        }
        return thresholds;
    }

    private static double Youden(double[] probabilities, bool[] positives)
    {
        Array.Sort(probabilities, positives);
        long allPositives = positives.LongCount(p => p), allNegatives = positives.Length - allPositives;
        // Youden's index times both counts, in whole numbers, so that equal ones are equal.
        long best = 0, missed = 0, rejected = 0;
        double threshold = Undecided;
        for (int i = 0; i + 1 < probabilities.Length; i++)
        {
            if (positives[i]) missed++;
            else rejected++;
            double low = probabilities[i], high = probabilities[i + 1];
            if (low == high) continue;
            long index = (rejected * allPositives) - (missed * allNegatives);
            double middle = low + ((high - low) / 2);
            if (middle <= low) middle = high; // neighbours among doubles
            if (index > best || (index == best && index > 0 && Math.Abs(middle - Undecided) < Math.Abs(threshold - Undecided)))
                (best, threshold) = (index, middle);
        }
        return threshold;
    }
}
