namespace MeLo.Edge.Training.Data;

/// <summary>Which samples are for what. Each list is in ascending order, no sample is in two.</summary>
/// <param name="Train">Samples that gradients come from.</param>
/// <param name="Validation">Samples that choices are made by.</param>
/// <param name="Test">Samples that the reported figures come from.</param>
internal sealed record Splits(IReadOnlyList<int> Train, IReadOnlyList<int> Validation, IReadOnlyList<int> Test)
{
    /// <summary>The samples of a part.</summary>
    public IReadOnlyList<int> this[DatasetPart part] => part switch { DatasetPart.Train => Train, DatasetPart.Validation => Validation, _ => Test };

    /// <summary>
    /// The parts that the dataset has; those that it lacks are taken from its training samples. Where it has none, all three are made. What is made is stratified by label, keeps a patient's samples
    /// together, and depends on nothing but the dataset and the seed.
    /// </summary>
    /// <param name="dataset">The dataset.</param>
    /// <param name="options">Shares and seed.</param>
    /// <exception cref="DatasetException">A part would be empty or lack a class, or the dataset has a patient in two parts.</exception>
    public static Splits Of(Dataset dataset, SplitOptions options) => throw new NotImplementedException();
}

/// <summary>How parts are made. The training samples are what the other two leave.</summary>
internal sealed record SplitOptions
{
    /// <summary>The share of all samples for validation, above 0; 0.15 unless set.</summary>
    public double Validation { get; init; } = 0.15;

    /// <summary>The share for the test, 0 for none; 0.15 unless set. Below 1 together with <see cref="Validation"/>.</summary>
    public double Test { get; init; } = 0.15;

    /// <summary>The seed.</summary>
    public ulong Seed { get; init; } = 1;
}
