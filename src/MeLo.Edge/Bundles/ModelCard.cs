namespace MeLo.Edge.Bundles;

/// <summary>The model card: for people, never for decisions. What the author did not state is null.</summary>
public sealed record ModelCard
{
    /// <summary>The task in words.</summary>
    public string? Task { get; init; }

    /// <summary>What it was trained on.</summary>
    public CardDataset? Dataset { get; init; }

    /// <summary>How it was trained.</summary>
    public CardTraining? Training { get; init; }

    /// <summary>Measured figures by name, finite.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>What it is for.</summary>
    public string? IntendedUse { get; init; }

    /// <summary>Under which licence it may be used.</summary>
    public string? Licence { get; init; }

    /// <summary>Reads a card on its own, as an author writes it: the object that <c>adapter.json</c> has under <c>card</c>.</summary>
    /// <exception cref="BundleException">It is not a card; the message lists every fault with its JSON path.</exception>
    public static ModelCard Parse(ReadOnlyMemory<byte> utf8, string source) => ModelCardJson.Parse(utf8, source);
}

/// <summary>What a model was trained on.</summary>
/// <param name="Description">In words.</param>
/// <param name="Samples">How many of each.</param>
public sealed record CardDataset(string? Description, CardSamples? Samples);

/// <summary>The sizes of a dataset's parts.</summary>
/// <param name="Train">Samples trained on.</param>
/// <param name="Validation">Samples that choices were made by.</param>
/// <param name="Test">Samples that the metrics were measured on.</param>
public sealed record CardSamples(int? Train, int? Validation, int? Test);

/// <summary>How a model was trained.</summary>
/// <param name="LearningRate">As the author writes it.</param>
/// <param name="Epochs">Passes over the training samples.</param>
public sealed record CardTraining(string? LearningRate, int? Epochs)
{
    /// <summary>What else it was trained with: names and values, for people.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}
