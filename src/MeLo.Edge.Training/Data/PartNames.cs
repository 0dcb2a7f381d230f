namespace MeLo.Edge.Training.Data;

/// <summary>How people call a dataset's parts.</summary>
internal static class PartNames
{
    /// <summary>The names, for messages.</summary>
    public const string Expected = "train, val (or valid, validation) or test";

    /// <summary>The part of that name, in letters of either case; null where it is none.</summary>
    public static DatasetPart? Parse(string name) => name.ToUpperInvariant() switch
    {
        "TRAIN" or "TRAINING" => DatasetPart.Train,
        "VAL" or "VALID" or "VALIDATION" => DatasetPart.Validation,
        "TEST" or "TESTING" => DatasetPart.Test,
        _ => null,
    };
}
