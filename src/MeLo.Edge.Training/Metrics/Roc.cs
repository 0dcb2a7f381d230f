namespace MeLo.Edge.Training.Metrics;

/// <summary>A point of a ROC curve.</summary>
/// <param name="FalsePositiveRate">1 - specificity.</param>
/// <param name="TruePositiveRate">Sensitivity.</param>
internal readonly record struct RocPoint(double FalsePositiveRate, double TruePositiveRate);

/// <summary>Receiver operating characteristics (Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006).</summary>
internal static class Roc
{
    /// <summary>The area under the curve: how probably a positive sample scores higher than a negative one, ties counted half (Mann and Whitney). NaN without both kinds.</summary>
    public static double Auc(ReadOnlySpan<double> scores, ReadOnlySpan<bool> positives)
    {
        // In half pairs, so that the sum is exact.
        long halfPairs = 0, positivesAbove = 0, negatives = 0;
        foreach ((long positivesHere, long negativesHere) in Steps(scores, positives))
        {
            halfPairs += negativesHere * ((2 * positivesAbove) + positivesHere);
            positivesAbove += positivesHere;
            negatives += negativesHere;
        }
        return halfPairs / (2.0 * positivesAbove * negatives);
    }

    /// <summary>The curve from (0, 0) to (1, 1), without points that lie on a line between their neighbours. Empty without both kinds.</summary>
    public static IReadOnlyList<RocPoint> Curve(ReadOnlySpan<double> scores, ReadOnlySpan<bool> positives)
    {
        List<(long False, long True)> corners = [(0, 0)];
        long trues = 0, falses = 0;
        foreach ((long positivesHere, long negativesHere) in Steps(scores, positives))
        {
            (trues, falses) = (trues + positivesHere, falses + negativesHere);
            if (corners.Count > 1)
            {
                (long False, long True) before = corners[^2], last = corners[^1];
                bool isStraight = (last.True - before.True) * (falses - last.False) == (trues - last.True) * (last.False - before.False);
                if (isStraight) corners.RemoveAt(corners.Count - 1);
            }
            corners.Add((falses, trues));
        }
        if (trues == 0 || falses == 0) return [];
        return [.. corners.Select(c => new RocPoint((double)c.False / falses, (double)c.True / trues))];
    }

    /// <summary>Samples of equal scores together, from the highest score down: how many of either kind.</summary>
    private static List<(long Positives, long Negatives)> Steps(ReadOnlySpan<double> scores, ReadOnlySpan<bool> positives)
    {
        double[] keys = scores.ToArray();
        bool[] kinds = positives.ToArray();
        Array.Sort(keys, kinds);
        List<(long, long)> steps = [];
        for (int i = keys.Length - 1; i >= 0;)
        {
            double score = keys[i];
            long positivesHere = 0, negativesHere = 0;
            for (; i >= 0 && keys[i].Equals(score); i--)
            {
                if (kinds[i]) positivesHere++;
                else negativesHere++;
            }
            steps.Add((positivesHere, negativesHere));
        }
        return steps;
    }
}
