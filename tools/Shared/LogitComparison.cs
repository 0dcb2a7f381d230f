namespace MeLo.Edge.Tools;

/// <summary>How far logits are from a reference.</summary>
/// <param name="LargestDifference">The largest |ours - reference|.</param>
/// <param name="MeanDifference">The mean |ours - reference|.</param>
/// <param name="SmallestCosine">The smallest cosine of the angle between the logits of one input and its reference; NaN where one of them is all zeros.</param>
/// <param name="LargestReference">The largest |reference|.</param>
/// <param name="Agreeing">How many inputs have the same top-1 label.</param>
/// <param name="Inputs">How many inputs there are.</param>
internal sealed record LogitComparison(double LargestDifference, double MeanDifference, double SmallestCosine, double LargestReference, int Agreeing, int Inputs)
{
    /// <summary>The difference over max(1, largest |reference|): what a tolerance bounds.</summary>
    public double Ratio => LargestDifference / Math.Max(1, LargestReference);

    /// <summary>Compares [inputs, classes] logits; a value that is not finite is infinitely far.</summary>
    public static LogitComparison Of(ReadOnlySpan<float> ours, ReadOnlySpan<float> reference, int classes)
    {
        double difference = 0, sum = 0, largest = 0, cosine = 1;
        for (int i = 0; i < reference.Length; i++)
        {
            double apart = Math.Abs((double)ours[i] - reference[i]);
            if (!double.IsFinite(apart)) apart = double.PositiveInfinity;
            difference = Math.Max(difference, apart);
            sum += apart;
            largest = Math.Max(largest, Math.Abs(reference[i]));
        }
        int inputs = reference.Length / classes, agreeing = 0;
        for (int i = 0; i < inputs; i++)
        {
            ReadOnlySpan<float> mine = ours.Slice(i * classes, classes), theirs = reference.Slice(i * classes, classes);
            if (!mine.Contains(float.NaN) && Top(mine) == Top(theirs)) agreeing++; // beside a NaN nothing is largest
            cosine = Math.Min(cosine, Cosine(mine, theirs)); // Math.Min keeps NaN
        }
        return new LogitComparison(difference, sum / reference.Length, cosine, largest, agreeing, inputs);
    }

    private static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double product = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.Length; i++)
        {
            product += (double)a[i] * b[i];
            aa += (double)a[i] * a[i];
            bb += (double)b[i] * b[i];
        }
        return product / Math.Sqrt(aa * bb);
    }

    private static int Top(ReadOnlySpan<float> logits)
    {
        int top = 0;
        for (int i = 1; i < logits.Length; i++)
            if (logits[i] > logits[top]) top = i;
        return top;
    }
}
