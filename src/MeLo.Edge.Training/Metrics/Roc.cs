namespace MeLo.Edge.Training.Metrics;

/// <summary>A point of a ROC curve.</summary>
/// <param name="FalsePositiveRate">1 - specificity.</param>
/// <param name="TruePositiveRate">Sensitivity.</param>
internal readonly record struct RocPoint(double FalsePositiveRate, double TruePositiveRate);

/// <summary>Receiver operating characteristics (Fawcett, "An introduction to ROC analysis", 2006).</summary>
internal static class Roc
{
    /// <summary>The area under the curve: how probably a positive sample scores higher than a negative one, ties counted half (Mann and Whitney). NaN without both kinds.</summary>
    public static double Auc(ReadOnlySpan<double> scores, ReadOnlySpan<bool> positives) => throw new NotImplementedException();

    /// <summary>The curve from (0, 0) to (1, 1), without points that lie on a line between their neighbours. Empty without both kinds.</summary>
    public static IReadOnlyList<RocPoint> Curve(ReadOnlySpan<double> scores, ReadOnlySpan<bool> positives) => throw new NotImplementedException();
}
