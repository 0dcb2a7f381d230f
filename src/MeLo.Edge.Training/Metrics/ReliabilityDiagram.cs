namespace MeLo.Edge.Training.Metrics;

/// <summary>One bin of confidences.</summary>
/// <param name="From">The lowest confidence, itself only in the first bin.</param>
/// <param name="To">The highest confidence.</param>
/// <param name="Count">Answers in the bin.</param>
/// <param name="Confidence">Their mean confidence; NaN in an empty bin.</param>
/// <param name="Accuracy">The share of them that are right; NaN in an empty bin.</param>
internal sealed record ReliabilityBin(double From, double To, int Count, double Confidence, double Accuracy);

/// <summary>
/// How probable answers were and how frequently they were right, in bins of equal width. An answer is a sample's most probable class; of multi-label data, each label of each sample with the
/// probability of the likelier side.
/// </summary>
/// <param name="Bins">The bins, in ascending order.</param>
/// <param name="Ece">The expected calibration error (Naeini et al., AAAI 2015): the mean distance between confidence and accuracy, weighted by the bins' counts.</param>
internal sealed record ReliabilityDiagram(IReadOnlyList<ReliabilityBin> Bins, double Ece)
{
    /// <summary>As many as Guo et al. take.</summary>
    public const int BinCount = 15;

    /// <summary>Sorts answers into bins.</summary>
    /// <param name="answers">The answers and the truth.</param>
    /// <param name="temperature">What logits are divided by, above 0.</param>
    public static ReliabilityDiagram Of(LabelledLogits answers, double temperature)
    {
        int[] counts = new int[BinCount], right = new int[BinCount];
        double[] confidences = new double[BinCount];
        double[] odds = answers.LogOdds(temperature);
        int classes = answers.Classes, all = 0;
        for (int i = 0; i < answers.Samples; i++)
        {
            if (answers.IsMultiLabel)
            {
                for (int c = 0; c < classes; c++)
                {
                    double logOdds = odds[(i * classes) + c];
                    Add(LabelledLogits.Probability(Math.Abs(logOdds)), (logOdds >= 0) == answers.Applies(i, c));
                }
            }
            else
            {
                int answer = answers.Answer(i);
                Add(LabelledLogits.Probability(odds[(i * classes) + answer]), answers.Applies(i, answer));
            }
        }

        ReliabilityBin[] bins = new ReliabilityBin[BinCount];
        double distance = 0;
        for (int bin = 0; bin < BinCount; bin++)
        {
            bins[bin] = new((double)bin / BinCount, (bin + 1.0) / BinCount, counts[bin], confidences[bin] / counts[bin], (double)right[bin] / counts[bin]);
            distance += Math.Abs(confidences[bin] - right[bin]);
        }
        return new ReliabilityDiagram(bins, distance / all);

        void Add(double confidence, bool isRight)
        {
            int bin = Math.Clamp((int)Math.Ceiling(confidence * BinCount) - 1, 0, BinCount - 1);
            counts[bin]++;
            confidences[bin] += confidence;
            if (isRight) right[bin]++;
            all++;
        }
    }
}
