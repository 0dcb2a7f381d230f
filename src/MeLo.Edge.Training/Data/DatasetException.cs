namespace MeLo.Edge.Training.Data;

/// <summary>A dataset cannot be read, or cannot be trained on: what was found, what was expected, and where.</summary>
public sealed class DatasetException : MeLoException
{
    // A dataset may have a fault a sample; people read the first ones.
    private const int MaxFaults = 20;

    private DatasetException(string source, string fault, Exception? inner = null)
        : base($"{source}: {fault}", inner) => Fault = fault;

    /// <summary>What is wrong, without the name of the dataset.</summary>
    internal string Fault { get; }

    internal static DatasetException Of(string source, string fault, Exception? inner = null) => new(source, fault, inner);

    /// <summary>Several faults, a line each: as many as people read, and how many more there are.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="faults">At least one.</param>
    internal static DatasetException Of(string source, IReadOnlyCollection<string> faults)
    {
        if (faults.Count == 1) return new(source, faults.First());
        IEnumerable<string> lines = faults.Take(MaxFaults);
        if (faults.Count > MaxFaults) lines = lines.Append($"and {faults.Count - MaxFaults} more");
        return new(source, $"{faults.Count} faults\n  {string.Join("\n  ", lines)}");
    }
}
