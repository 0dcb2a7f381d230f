namespace MeLo.Edge.Training.Graphs;

/// <summary>Something that learns: an input of the graphs.</summary>
/// <param name="Name">The input's name.</param>
/// <param name="Shape">Its dimensions, outermost first.</param>
internal sealed record Parameter(string Name, IReadOnlyList<long> Shape)
{
    public long ElementCount { get; } = Shape.Aggregate(1L, (product, size) => checked(product * size));

    /// <summary>The output of <see cref="TrainingGraph.Step"/> that holds the loss's gradient by this.</summary>
    public string GradientName => $"{Name}.gradient";
}
