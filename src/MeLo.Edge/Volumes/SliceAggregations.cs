namespace MeLo.Edge.Volumes;

/// <summary>The aggregations' names, as documents and command lines write them.</summary>
public static class SliceAggregations
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<(string Name, SliceAggregation Aggregation)> All { get; } =
    [
        ("mean-logits", SliceAggregation.MeanLogits), ("max-logits", SliceAggregation.MaxLogits), ("mean-probabilities", SliceAggregation.MeanProbabilities),
        ("max-probabilities", SliceAggregation.MaxProbabilities), ("linear", SliceAggregation.Linear),
    ];

    /// <summary>The name.</summary>
    public static string Name(this SliceAggregation aggregation) => All.Single(a => a.Aggregation == aggregation).Name;
}
