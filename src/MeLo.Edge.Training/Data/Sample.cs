namespace MeLo.Edge.Training.Data;

/// <summary>What a sample is for.</summary>
internal enum DatasetPart
{
    /// <summary>Gradients come from it.</summary>
    Train,

    /// <summary>Choices are made by it: the epoch that is kept, the temperature, the operating point.</summary>
    Validation,

    /// <summary>The figures that are reported come from it, and nothing else.</summary>
    Test,
}

/// <summary>One picture or volume with its label.</summary>
/// <param name="Id">What people find it by: the path as the dataset has it with slashes, or the array's name and the row (<c>train/12</c>).</param>
/// <param name="Targets">[classes], 1 where the label applies and 0 elsewhere: exactly one 1 unless the dataset is multi-label.</param>
/// <param name="Patient">Whose picture it is; null where neither the dataset nor the picture says it.</param>
/// <param name="Part">The part that the dataset has it in; null where it does not say.</param>
internal sealed record Sample(string Id, float[] Targets, string? Patient, DatasetPart? Part)
{
    /// <summary>SHA-256 of its file or array in hexadecimal, by which the same picture is known under another name; null where nobody worked it out.</summary>
    public string? Content { get; init; }
}
