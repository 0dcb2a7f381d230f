using System.Globalization;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;

namespace AdapterTrainer;

/// <summary>A signed bundle of what was trained, with its card and its self-test, proven by opening it again.</summary>
/// <param name="Bytes">The file.</param>
/// <param name="Digest">Its SHA-256, as results name it.</param>
/// <param name="ProbeDifference">The self-test's difference when the finished file was run.</param>
/// <param name="Measured">What the base's other precisions do to the task.</param>
internal sealed record TrainedBundle(byte[] Bytes, string Digest, double ProbeDifference, IReadOnlyList<PrecisionMeasurement> Measured)
{
    // What a device's fp32 logits may differ by from those of the packing machine (docs/bundle-format.md).
    private const double Fp32Tolerance = 1e-3;

    // As many validation pictures show what fp16 and int8 change.
    private const int MeasuredPictures = 64;

    // Of a volume some slices from its middle are the self-test: those at its ends may show nothing, and a bundle is to be small.
    private const int ProbeSlices = 4;

    /// <summary>The adapter's source in the description.</summary>
    private const string Source = "adapter-trainer";

    /// <summary>Packs, signs and proves.</summary>
    /// <param name="run">What was trained.</param>
    /// <param name="baseFolder">The base package.</param>
    /// <param name="label">What to call it.</param>
    /// <param name="key">Signs it; null leaves it unsigned.</param>
    /// <param name="source">The name of the file in messages.</param>
    /// <param name="cancellation">Stops it.</param>
    public static TrainedBundle Make(TrainingRun run, string baseFolder, BundleLabel label, SigningKey? key, string source, CancellationToken cancellation)
    {
        TrainingTask task = run.Task;
        LoraAdapter adapter = TrainedAdapter.Of(task.Architecture, task.Settings, run.Parameters, run.Result.Temperature);
        using EdgeEngine engine = EdgeEngine.Load(baseFolder, new EdgeEngineOptions { Precision = Precision.Fp32, Provider = ExecutionProvider.Cpu });
        (float[] pixels, long[] shape) = label.GeneratedProbe ? (ProbePixels.For(task.Recipe), [1, 3, task.Recipe.Size, task.Recipe.Size]) : task.Pixels(task.Parts.Validation, 1);
        if (shape[0] > ProbeSlices)
        {
            int first = ((int)shape[0] - ProbeSlices) / 2 * task.Recipe.TensorLength;
            (pixels, shape) = (pixels.AsSpan(first, ProbeSlices * task.Recipe.TensorLength).ToArray(), [ProbeSlices, .. shape[1..]]);
        }
        Probe probe = new(pixels, shape, engine.Evaluate(adapter, pixels, shape, cancellation), adapter.Head.Classes);
        IReadOnlyList<PrecisionMeasurement> measured = PrecisionMeasurement.Of(engine, adapter, probe, task.Pixels(task.Parts.Validation, Math.Max(1, MeasuredPictures / task.Dataset.Slices)), cancellation);
        AdapterDescription description = new()
        {
            Task = label.Task,
            Release = label.Release,
            Title = label.Title ?? label.Task,
            Base = engine.Base.Digest,
            Architecture = engine.Base.Architecture.Name,
            Lora = new LoraDescription(adapter.Rank, adapter.Scale * adapter.Rank, adapter.Scale, adapter.Targets, Source),
            Head = new HeadDescription(task.Dataset.Labels, task.Dataset.IsMultiLabel ? HeadActivation.Sigmoid : HeadActivation.Softmax, ImportedAdapter.AdapterBias),
            Input = new InputDescription(task.Recipe, task.Dataset.Dicom, task.Dataset.Volume),
            Tolerance = new ProbeTolerance(Fp32Tolerance, Int8: Tolerance(Precision.Int8), Fp16: Tolerance(Precision.Fp16)),
            Precision = measured.Any(m => m.Damage is not null) ? Precision.Fp32 : null,
            Card = Card(run, label),
            // As the format writes times.
            Created = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()),
        };
        byte[] bytes = BundleWriter.Write(description, adapter, probe, preview: null, key);
        double difference = PackedBundle.Prove(bytes, source, engine, key, cancellation);
        return new TrainedBundle(bytes, $"sha256:{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes))}", difference, measured);

        double? Tolerance(Precision precision) => measured.FirstOrDefault(m => m.Precision == precision)?.Tolerance;
    }

    private static ModelCard Card(TrainingRun run, BundleLabel label)
    {
        TrainingTask task = run.Task;
        MeLo.Edge.Training.Metrics.Evaluation test = run.Result.Calibrated;
        Dictionary<string, double> metrics = new()
        {
            ["auc"] = test.Auc, ["aucLow95"] = test.AucInterval.Low, ["aucHigh95"] = test.AucInterval.High, ["accuracy"] = test.Accuracy, ["f1"] = test.F1, ["ece"] = test.Ece, ["eceBeforeTemperature"] = run.Result.Test.Ece, ["temperature"] = run.Result.Temperature,
            ["validationAuc"] = run.Result.Validation.Auc,
        };
        for (int c = 0; c < task.Dataset.Labels.Count; c++)
        {
            metrics[$"sensitivity.{task.Dataset.Labels[c]}"] = test.Classes[c].Sensitivity;
            metrics[$"specificity.{task.Dataset.Labels[c]}"] = test.Classes[c].Specificity;
            // The probability from which on the two above hold.
            metrics[$"threshold.{task.Dataset.Labels[c]}"] = test.Classes[c].Threshold;
        }
        return new ModelCard
        {
            Task = label.Title ?? label.Task,
            Dataset = new CardDataset(task.Dataset.Description, new CardSamples(task.Parts.Train.Count, task.Parts.Validation.Count, task.Parts.Test.Count)),
            Training = new CardTraining(task.Settings.LearningRateText, run.History.Epochs.Count)
            {
                Settings = task.Settings.Describe().Append((Name: "epoch kept", Value: $"{run.History.Best!.Epoch}")).ToDictionary(s => s.Name, s => s.Value),
            },
            // A figure that the test samples do not define is left out.
            Metrics = metrics.Where(m => double.IsFinite(m.Value)).ToDictionary(m => m.Key, m => Math.Round(m.Value, 6)),
            IntendedUse = label.IntendedUse,
            Licence = label.Licence,
        };
    }

    /// <summary>A line for every other precision that was measured.</summary>
    public IEnumerable<string> PrecisionLines() => Measured.Select(m => m.ToString()!);

    /// <summary>The size as people read it.</summary>
    public string SizeText => $"{Bytes.Length.ToString("N0", CultureInfo.InvariantCulture)} bytes";
}

/// <summary>What a bundle is called and says about its use.</summary>
/// <param name="Task">The clinical question's stable name.</param>
/// <param name="Release">The task's version, from 1.</param>
/// <param name="Title">A name for people; null takes the task's.</param>
/// <param name="IntendedUse">What it is for.</param>
/// <param name="Licence">Under which licence it may be used.</param>
/// <param name="GeneratedProbe">Whether the self-test's picture is a made-up one instead of a validation sample, so that no patient's picture leaves with the bundle.</param>
internal sealed record BundleLabel(string Task, int Release, string? Title, string? IntendedUse, string? Licence, bool GeneratedProbe);
