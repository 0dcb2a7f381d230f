namespace MeLo.Edge.Training.Metrics;

/// <summary>How frequently which class was taken for which.</summary>
/// <param name="Classes">The number of classes.</param>
/// <param name="Counts">[truth, answer], row-major.</param>
internal sealed record ConfusionMatrix(int Classes, int[] Counts)
{
    /// <summary>The samples of one class that were taken for another, or for itself.</summary>
    public int this[int truth, int answer] => Counts[(truth * Classes) + answer];

    /// <summary>Counts single-label answers.</summary>
    /// <param name="answers">The truth.</param>
    /// <param name="said">[samples, classes], one true a sample.</param>
    public static ConfusionMatrix Of(LabelledLogits answers, bool[] said)
    {
        int classes = answers.Classes;
        int[] counts = new int[classes * classes];
        for (int i = 0; i < answers.Samples; i++)
        {
            int truth = answers.Targets.AsSpan(i * classes, classes).IndexOf(1f), answer = said.AsSpan(i * classes, classes).IndexOf(true);
            counts[(truth * classes) + answer]++;
        }
        return new ConfusionMatrix(classes, counts);
    }
}
