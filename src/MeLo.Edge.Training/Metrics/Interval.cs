using System.Globalization;

namespace MeLo.Edge.Training.Metrics;

/// <summary>A confidence interval of 95 %: where a figure may lie for samples like those that were tested. NaN where the figure is not defined.</summary>
/// <param name="Low">Its lower end, in [0, 1].</param>
/// <param name="High">Its upper end, in [0, 1].</param>
internal readonly record struct Interval(double Low, double High)
{
    // The standard normal distribution's quantile of 0.975.
    private const double Z = 1.959963984540054;

    // Each halves the bracket: 1 becomes the distance of two doubles.
    private const int Halvings = 60;

    private static readonly Interval s_undefined = new(double.NaN, double.NaN);

    /// <summary>Of a share, by its score (Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927). It says something at 0 and 1 too.</summary>
    /// <param name="share">The share that was found.</param>
    /// <param name="samples">Of how many independent samples, which need not be a whole number.</param>
    public static Interval OfShare(double share, double samples)
    {
        if (samples == 0 || double.IsNaN(share)) return s_undefined;
        double square = Z * Z, denominator = samples + square;
        double middle = ((samples * share) + (square / 2)) / denominator;
        double half = Z * Math.Sqrt((samples * share * (1 - share)) + (square / 4)) / denominator;
        // At 0 and 1 the ends are these exactly, but for rounding.
        return new Interval(Math.Clamp(middle - half, 0, share), Math.Clamp(middle + half, share, 1));
    }

    /// <summary>
    /// Of the area under a ROC curve, by its score (Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic. Part 2", Statistics in Medicine 25, 2006, method 5):
    /// all areas whose own deviation explains the one that was found. It says something at 0 and 1 too.
    /// </summary>
    /// <param name="auc">The area that was found.</param>
    /// <param name="positives">From how many independent positive samples.</param>
    /// <param name="negatives">From how many independent negative ones.</param>
    public static Interval OfArea(double auc, double positives, double negatives)
    {
        if (positives == 0 || negatives == 0 || double.IsNaN(auc)) return s_undefined;
        return new Interval(Furthest(0), Furthest(1));

        double Furthest(double outside)
        {
            double inside = auc;
            for (int i = 0; i < Halvings; i++)
            {
                double area = (inside + outside) / 2;
                if (Math.Abs(auc - area) <= Z * Math.Sqrt(AreaVariance(area, positives, negatives))) inside = area;
                else outside = area;
            }
            return inside;
        }
    }

    /// <summary>Of a mean of figures that hang together in no known way: never too narrow, as the deviation of a mean is no more than the mean of the deviations. Undefined ones are left out.</summary>
    public static Interval OfMean(IEnumerable<Interval> intervals)
    {
        Interval[] defined = [.. intervals.Where(i => !double.IsNaN(i.Low))];
        return defined.Length == 0 ? s_undefined : new Interval(defined.Average(i => i.Low), defined.Average(i => i.High));
    }

    /// <summary>The interval of a share in percent, <c>76.7–90.7 %</c>; a dash where it is not defined.</summary>
    public string Percent => double.IsNaN(Low) ? "–" : string.Create(CultureInfo.InvariantCulture, $"{100 * Low:F1}–{100 * High:F1} %");

    /// <summary>The interval as people read it, <c>0.886–0.957</c>; a dash where it is not defined.</summary>
    public override string ToString() => double.IsNaN(Low) ? "–" : string.Create(CultureInfo.InvariantCulture, $"{Low:F3}–{High:F3}");

    // Of exponential distributions (Hanley and McNeil, Radiology 143, 1982), with the counts' mean where one of them alone would be too wide or too narrow.
    private static double AreaVariance(double area, double positives, double negatives)
    {
        double others = ((positives + negatives) / 2.0) - 1;
        return area * (1 - area) * (1 + (others * (1 - area) / (2 - area)) + (others * area / (1 + area))) / (positives * negatives);
    }
}
