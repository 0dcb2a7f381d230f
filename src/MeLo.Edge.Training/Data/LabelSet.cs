namespace MeLo.Edge.Training.Data;

/// <summary>A dataset's labels in the order of its classes.</summary>
internal sealed class LabelSet
{
    private readonly Dictionary<string, int> _index;

    private LabelSet(IReadOnlyList<string> names)
    {
        Names = names;
        _index = names.Select((name, i) => (name, i)).ToDictionary(p => p.name, p => p.i, StringComparer.Ordinal);
    }

    /// <summary>The labels' names.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The labels that were found, in ordinal order; or those that were asked for, which must be the same.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="found">The names, each any number of times.</param>
    /// <param name="wanted">The order; empty for ordinal.</param>
    /// <exception cref="DatasetException">They are not the same.</exception>
    public static LabelSet Of(string source, IEnumerable<string> found, IReadOnlyList<string> wanted)
    {
        string[] names = [.. found.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        if (wanted.Count == 0) return new LabelSet(names);
        if (!names.SequenceEqual(wanted.Order(StringComparer.Ordinal), StringComparer.Ordinal))
            throw DatasetException.Of(source, $"found the labels {string.Join(", ", names)}, expected those that were given: {string.Join(", ", wanted)}");
        return new LabelSet(wanted);
    }

    /// <summary>[classes]: 1 for the labels that apply.</summary>
    public float[] Targets(params IEnumerable<string> labels)
    {
        float[] targets = new float[Names.Count];
        foreach (string label in labels) targets[_index[label]] = 1;
        return targets;
    }
}
