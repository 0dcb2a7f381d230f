namespace MeLo.Edge.Training.Metrics;

/// <summary>How frequently which class was taken for which.</summary>
/// <param name="Classes">The number of classes.</param>
/// <param name="Counts">[truth, answer], row-major.</param>
internal sealed record ConfusionMatrix(int Classes, int[] Counts)
{
    /// <summary>The samples of one class that were taken for another, or for itself.</summary>
    public int this[int truth, int answer] => Counts[(truth * Classes) + answer];
}
