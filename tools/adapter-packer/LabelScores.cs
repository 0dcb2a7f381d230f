namespace AdapterPacker;

/// <summary>How well logits tell labelled inputs apart.</summary>
internal static class LabelScores
{
    /// <summary>The share of inputs whose largest logit is the labelled class's.</summary>
    public static double Accuracy(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels, int classes)
    {
        int right = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            ReadOnlySpan<float> row = logits.Slice(i * classes, classes);
            int top = 0;
            for (int c = 1; c < classes; c++)
                if (row[c] > row[top]) top = c;
            if (top == labels[i]) right++;
        }
        return (double)right / labels.Length;
    }

    /// <summary>
    /// The area under the ROC curve of each class against the rest, averaged over the classes that some but not all inputs have; NaN when
    /// there is none. Inputs are ranked by the class's softmax probability, as log odds: probabilities near 1 round to ties.
    /// </summary>
    public static double MeanAuc(ReadOnlySpan<float> logits, ReadOnlySpan<int> labels, int classes)
    {
        double sum = 0;
        int counted = 0;
        double[] scores = new double[labels.Length];
        bool[] positive = new bool[labels.Length];
        for (int c = 0; c < classes; c++)
        {
            for (int i = 0; i < labels.Length; i++)
            {
                scores[i] = LogOdds(logits.Slice(i * classes, classes), c);
                positive[i] = labels[i] == c;
            }
            if (Auc(scores, positive) is not { } auc) continue;
            sum += auc;
            counted++;
        }
        return sum / counted;
    }

    /// <summary>The probability that a positive scores above a negative, ties counting half (Mann and Whitney's U); null when either is missing.</summary>
    public static double? Auc(ReadOnlySpan<double> scores, ReadOnlySpan<bool> positive)
    {
        double[] sorted = scores.ToArray();
        bool[] kinds = positive.ToArray();
        Array.Sort(sorted, kinds);
        double rankSum = 0;
        long positives = 0;
        for (int first = 0; first < sorted.Length;)
        {
            int end = first + 1;
            while (end < sorted.Length && sorted[end].Equals(sorted[first])) end++;
            double rank = (first + 1 + end) / 2.0; // the mean of ranks first + 1 to end, for ties
            for (; first < end; first++)
            {
                if (!kinds[first]) continue;
                rankSum += rank;
                positives++;
            }
        }
        long negatives = sorted.Length - positives;
        return positives > 0 && negatives > 0 ? (rankSum - (positives * (positives + 1) / 2.0)) / ((double)positives * negatives) : null;
    }

    // log(p / (1 - p)) of the softmax: the logit over the log of the others' summed exponentials.
    private static double LogOdds(ReadOnlySpan<float> logits, int index)
    {
        double largest = double.NegativeInfinity, sum = 0;
        for (int i = 0; i < logits.Length; i++)
            if (i != index) largest = Math.Max(largest, logits[i]);
        for (int i = 0; i < logits.Length; i++)
            if (i != index) sum += Math.Exp(logits[i] - largest);
        return logits[index] - largest - Math.Log(sum);
    }
}
