namespace AdapterPacker;

/// <summary>How far logits are from a reference.</summary>
/// <param name="LargestDifference">The largest |ours - reference|.</param>
/// <param name="LargestReference">The largest |reference|.</param>
/// <param name="Agreeing">How many inputs have the same top-1 label.</param>
/// <param name="Inputs">How many inputs there are.</param>
internal sealed record LogitComparison(double LargestDifference, double LargestReference, int Agreeing, int Inputs)
{
    /// <summary>The difference over max(1, largest |reference|): what a tolerance bounds.</summary>
    public double Ratio => LargestDifference / Math.Max(1, LargestReference);

    /// <summary>Compares [inputs, classes] logits; a value that is not finite is infinitely far.</summary>
    public static LogitComparison Of(ReadOnlySpan<float> ours, ReadOnlySpan<float> reference, int classes)
    {
        double difference = 0, largest = 0;
        for (int i = 0; i < reference.Length; i++)
        {
            double apart = Math.Abs((double)ours[i] - reference[i]);
            difference = Math.Max(difference, double.IsFinite(apart) ? apart : double.PositiveInfinity);
            largest = Math.Max(largest, Math.Abs(reference[i]));
        }
        int inputs = reference.Length / classes, agreeing = 0;
        for (int i = 0; i < inputs; i++)
            if (Top(ours.Slice(i * classes, classes)) == Top(reference.Slice(i * classes, classes))) agreeing++;
        return new LogitComparison(difference, largest, agreeing, inputs);
    }

    private static int Top(ReadOnlySpan<float> logits)
    {
        int top = 0;
        for (int i = 1; i < logits.Length; i++)
            if (logits[i] > logits[top]) top = i;
        return top;
    }
}
