using MeLo.Edge.Training.Metrics;

namespace MeLo.Edge.Training.Reports;

/// <summary>What a training report says. Everything in it is plain text; the writer escapes it.</summary>
internal sealed record ReportContent
{
    /// <summary>The report's title.</summary>
    public required string Title { get; init; }

    /// <summary>The task's name.</summary>
    public required string Task { get; init; }

    /// <summary>The classes' names.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Warnings that must not be overlooked, above everything else, such as that the pictures are drawn.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The digest of the base package; null before there is one.</summary>
    public string? BaseDigest { get; init; }

    /// <summary>The digest of the bundle; null where none was written.</summary>
    public string? BundleDigest { get; init; }

    /// <summary>The dataset in a line.</summary>
    public required string Dataset { get; init; }

    /// <summary>The dataset's digest.</summary>
    public required string DatasetDigest { get; init; }

    /// <summary>Samples of each class in each part.</summary>
    public required IReadOnlyList<ClassCounts> Counts { get; init; }

    /// <summary>Settings, each with its value, in the order in which they are shown.</summary>
    public required IReadOnlyList<(string Name, string Value)> Settings { get; init; }

    /// <summary>The epochs, in order.</summary>
    public required IReadOnlyList<EpochRecord> Epochs { get; init; }

    /// <summary>The epoch whose parameters were kept; null where none was.</summary>
    public int? BestEpoch { get; init; }

    /// <summary>The figures on the test samples with the logits as they are.</summary>
    public required Evaluation Test { get; init; }

    /// <summary>The same with the temperature that the bundle holds; null where none was fitted.</summary>
    public Evaluation? Calibrated { get; init; }
}

/// <summary>Samples of a class.</summary>
internal sealed record ClassCounts(string Label, int Train, int Validation, int Test);

/// <summary>What one epoch gave.</summary>
/// <param name="Epoch">Its number, from 1.</param>
/// <param name="TrainLoss">The mean loss of its steps.</param>
/// <param name="ValidationLoss">The loss on the validation samples after it.</param>
/// <param name="ValidationAuc">The AUC on the validation samples after it; NaN where it is not defined.</param>
/// <param name="LearningRate">Of its last step.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record EpochRecord(int Epoch, double TrainLoss, double ValidationLoss, double ValidationAuc, double LearningRate, double Seconds);
