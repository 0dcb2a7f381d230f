using System.Diagnostics;
using MeLo.Edge.Bundles;
using MeLo.Edge.Native;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Optimization;
using MeLo.Edge.Training.Reports;

namespace AdapterTrainer;

/// <summary>One training from its data to its figures.</summary>
/// <param name="Task">What was trained.</param>
/// <param name="History">What the epochs came to.</param>
/// <param name="Result">How good it is.</param>
/// <param name="Parameters">What was learnt.</param>
/// <param name="Seconds">How long it took, epochs before an interruption included.</param>
/// <param name="PeakBytes">The most memory that the process had meanwhile.</param>
internal sealed record TrainingRun(
    TrainingTask Task, TrainingHistory History, TrainingResult Result, IReadOnlyList<LearnedParameter> Parameters, double Seconds, long PeakBytes)
{
    /// <summary>How many numbers learn.</summary>
    public long ParameterCount => Parameters.Sum(p => (long)p.Values.Length);

    /// <summary>How many numbers the head has: a weight for each feature and a bias, for each class.</summary>
    public long HeadParameterCount => Task.Dataset.Labels.Count * (Task.Architecture.Dim + 1L);

    /// <summary>How many numbers the base and the head have.</summary>
    public long ModelParameterCount => Task.Architecture.ParameterCount + HeadParameterCount;

    /// <summary>What is said instead of figures where there are no samples to test on.</summary>
    public const string NothingMeasured = "nothing was measured: there are no test samples (--test-share 0)";

    /// <summary>Trains, going on from where it was interrupted, and measures.</summary>
    /// <param name="task">What is trained.</param>
    /// <param name="folder">Where the state is kept after every epoch.</param>
    /// <param name="advice">What to do about a state that is refused.</param>
    /// <param name="error">Where progress goes.</param>
    /// <param name="cancellation">Stops it; what was kept stays.</param>
    public static TrainingRun Of(TrainingTask task, TrainingFolder folder, string advice, TextWriter error, CancellationToken cancellation)
    {
        PeakMemory.Reset();
        long start = Stopwatch.GetTimestamp();
        TrainingStateFile state = new(folder.State, Identity(task), advice);
        state.Check(); // before all samples are read
        if (state.Exists) error.WriteLine($"found the state of an interrupted training: {folder.State}");
        using Trainer trainer = TrainingDisplay.Prepare(error, prepared => new Trainer(task, prepared, cancellation));
        double preparation = Stopwatch.GetElapsedTime(start).TotalSeconds;
        TrainingHistory history;
        try
        {
            history = TrainingDisplay.Show(error, progress => trainer.Train(state, progress, cancellation));
        }
        catch (OperationCanceledException)
        {
            error.WriteLine(state.Exists ? $"the state after the last whole epoch is in {folder.State}: the same command goes on from there" : "no epoch of this training has ended: nothing of it is kept");
            throw;
        }
        return new TrainingRun(task, history, TrainingResult.Of(trainer, task.Parts, cancellation), trainer.Parameters, preparation + history.Epochs.Sum(e => e.Seconds), PeakMemory.Bytes);
    }

    private static string ToolVersion => typeof(TrainingRun).Assembly.GetName().Version!.ToString(3);

    /// <summary>What a report says of it.</summary>
    /// <param name="title">A name for people.</param>
    /// <param name="name">The task's name.</param>
    /// <param name="bundleDigest">The bundle's digest; null for a checkpoint.</param>
    /// <param name="details">What else it was made with: names and values.</param>
    public ReportContent Report(string title, string name, string? bundleDigest, IEnumerable<(string Name, string Value)> details)
    {
        MeLo.Edge.Training.Data.Dataset dataset = Task.Dataset;
        return new ReportContent
        {
            Title = title,
            Task = name,
            Labels = dataset.Labels,
            Notes = dataset.Notice is { } notice ? [notice] : [],
            BaseDigest = Task.BaseDigest,
            BundleDigest = bundleDigest,
            Dataset = dataset.Description,
            DatasetDigest = dataset.Digest,
            Counts = [.. dataset.Labels.Select((label, c) => new ClassCounts(label, Count(Task.Parts.Train, c), Count(Task.Parts.Validation, c), Count(Task.Parts.Test, c)))],
            Settings =
            [
                .. Task.Settings.Describe(), .. Preparation(Task), ("patients", dataset.Patients), ("architecture", Task.Architecture.Name), ("provider", Task.Provider.Name),
                ("threads", Task.Threads == 0 ? "one a core" : $"{Task.Threads}"), ("adapter-trainer", ToolVersion), .. details,
            ],
            Epochs = History.Epochs,
            BestEpoch = History.Best?.Epoch,
            Test = Result.Test,
            Calibrated = Result.Calibrated,
        };

        int Count(IReadOnlyList<int> part, int label) => part.Count(i => dataset.Samples[i].Targets[label] > 0.5f);
    }

    /// <summary>Everything that the next epoch depends on.</summary>
    public static TrainingIdentity Identity(TrainingTask task) => new(
    [
        .. task.Settings.Describe(), ("base", task.BaseDigest), ("dataset", task.Dataset.Digest), .. Preparation(task),
        ("samples to train on and to choose by", $"{Digest(task.Parts.Train)} {Digest(task.Parts.Validation)}"), ("provider", task.Provider.Name),
        // The sums of a product that threads share may be grouped otherwise.
        ("threads", $"{ProcessorCores.Threads(task.Threads)}"),
    ]);

    private static IEnumerable<(string, string)> Preparation(TrainingTask task) =>
        [("preprocessing", PreprocessRecipeJson.ToText(task.Recipe)), .. task.Dataset.Dicom is { } dicom ? [("DICOM values", dicom.ToString())] : (IEnumerable<(string, string)>)[]];

    /// <summary>Which samples train, validate and test, and how they are prepared: what trainings must share to be compared.</summary>
    public static IEnumerable<(string Name, string Value)> SharedIdentity(TrainingTask task) =>
        [("parts", string.Join(' ', ((IReadOnlyList<int>[])[task.Parts.Train, task.Parts.Validation, task.Parts.Test]).Select(Digest))), .. Preparation(task)];

    private static string Digest(IReadOnlyList<int> part) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>([.. part])))[..16];
}
