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
    public static ReliabilityDiagram Of(LabelledLogits answers, double temperature) => throw new NotImplementedException();
}
