using System.Diagnostics;
using MeLo.Edge.Models;
using MeLo.Edge.Native;
using MeLo.Edge.Training.Data;
using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Metrics;
using MeLo.Edge.Training.Optimization;
using MeLo.Edge.Training.Reports;
using MeLo.Edge.Training.Steps;

namespace MeLo.Edge.Training;

/// <summary>
/// Trains a task: batches of varied pictures through the graph of a step, AdamW over the parameters, a look at the validation samples after every epoch with the parameters' means,
/// and at the end those of the epoch that was best there. The same task gives the same bits on one machine. Not thread-safe.
/// </summary>
internal sealed class Trainer : IDisposable
{
    // Tells the order's random numbers from the variations'.
    private const ulong OrderSeed = 0x6F72646572;

    private readonly TrainingTask _task;
    private readonly TrainingSettings _settings;
    private readonly TrainingGraph _graph;
    private readonly List<LearnedParameter> _parameters;
    private readonly ISampleInputs _inputs;
    private readonly GraphSession _evaluation;
    private readonly LossKind _loss;
    private readonly int _classes, _threads;
    private readonly RunPlan _pictures, _runs;
    private BatchStep? _step;

    /// <summary>Reads every sample once, so that faults show before anything is learnt; and of a head works out the features.</summary>
    /// <param name="task">What is trained.</param>
    /// <param name="prepared">Is told of every sample.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="TrainingException">The settings have faults, or do not go with the base or the data.</exception>
    /// <exception cref="DatasetException">Samples cannot be read; the message lists them up to a limit.</exception>
    public Trainer(TrainingTask task, IProgress<PreparationProgress>? prepared = null, CancellationToken cancellation = default)
    {
        _task = task;
        _settings = task.Settings;
        Check(task);
        _classes = task.Dataset.Labels.Count;
        _loss = task.Dataset.IsMultiLabel ? LossKind.BinaryCrossEntropy : LossKind.CrossEntropy;
        _graph = TrainingGraph.Build(task.Architecture, task.Weights, new TrainingGraphOptions
        {
            Mode = _settings.Mode, Rank = _settings.Rank, Alpha = _settings.Alpha, Targets = _settings.Targets, Classes = _classes, Loss = _loss, Slices = task.Dataset.Slices,
        });
        _parameters = [.. _graph.Parameters.Select(p => new LearnedParameter(p, InitialValues.Of(p, task.Weights, _settings.Seed)))];
        _threads = ProcessorCores.Threads(task.Threads);
        _pictures = RunPlan.ForPictures(_settings.MicroBatch, task.Dataset.Slices, task.Provider, _threads);
        // A head's steps are over before a thread has started.
        _runs = _settings.Mode == TrainingMode.Head ? new RunPlan(_settings.MicroBatch, 1) : _pictures;
        _evaluation = Session(_graph.Evaluation, _runs, _parameters);
        _inputs = Inputs(prepared, cancellation);
    }

    /// <summary>Refuses settings that have faults, or do not go with the base or the data.</summary>
    /// <exception cref="TrainingException">They do.</exception>
    public static void Check(TrainingTask task)
    {
        TrainingSettings settings = task.Settings;
        List<string> faults = [.. settings.Faults()];
        if (settings.Mode == TrainingMode.Lora && settings.Rank > task.Architecture.Dim) faults.Add($"rank: found {settings.Rank}, expected at most {task.Architecture.Dim}, the width of the base");
        if (faults.Count == 0 && (long)settings.Epochs * Batches(task) > int.MaxValue) faults.Add($"epochs: found {settings.Epochs} of {Batches(task)} batches, expected at most {int.MaxValue} batches in all");
        if (faults.Count > 0) throw new TrainingException(string.Join("; ", faults));
    }

    /// <summary>What learns; after <see cref="Train"/> with the values of the best epoch.</summary>
    public IReadOnlyList<LearnedParameter> Parameters => _parameters;

    /// <summary>How many numbers learn.</summary>
    public long ParameterCount => _parameters.Sum(p => (long)p.Values.Length);

    /// <summary>Trains until the last epoch, or until the validation samples have not been answered better for long enough.</summary>
    /// <param name="state">Where the state is kept after every epoch, and taken up where it is there already; null to keep none.</param>
    /// <param name="progress">Is told of every batch.</param>
    /// <param name="cancellation">Stops it; what was kept stays.</param>
    /// <exception cref="TrainingException">The state is another task's, or the loss is no number any more.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public TrainingHistory Train(TrainingStateFile? state, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        IReadOnlyList<int> train = _task.Parts.Train;
        int batches = Batches(_task);
        LossWeights weights = new(_loss, [.. train.Select(i => _task.Dataset.Samples[i])], _settings);
        ParameterAverage average = new(_parameters, (int)Math.Clamp(Math.Round(_settings.AveragingEpochs * batches), 1, int.MaxValue));
        TrainingHistory history = state?.Read(_parameters, average) ?? new TrainingHistory();
        Course course = new(
            new CosineSchedule(_settings.PeakLearningRate, _settings.FinalLearningRate, (int)(_settings.WarmupEpochs * batches), _settings.Epochs * batches),
            new AdamW(_settings.WeightDecay, _settings.MaxGradientNorm), average, weights, history, progress);
        _step ??= new BatchStep(_graph.Step, _task.WeightsFolder, _task.Provider, _threads, _runs, _parameters);
        while (!history.IsOver(_settings))
        {
            int epoch = history.Epochs.Count + 1;
            long start = Stopwatch.GetTimestamp();
            double loss = RunEpoch(epoch, batches, course, cancellation), perSecond = train.Count / Stopwatch.GetElapsedTime(start).TotalSeconds;
            average.Instead(() =>
            {
                (double validationLoss, double auc) = Validate(weights, cancellation);
                // What the epoch's last step made of the parameters, no batch has seen.
                RequireNumber(validationLoss, "validation loss", $"after epoch {epoch}");
                history.Add(new EpochRecord(epoch, loss, validationLoss, auc, course.Schedule.At((epoch * batches) - 1), Stopwatch.GetElapsedTime(start).TotalSeconds), _parameters);
            });
            state?.Write(history, _parameters, average);
            EpochRecord result = history.Epochs[^1];
            progress?.Report(new TrainingProgress(epoch, _settings.Epochs, train.Count, train.Count, loss, perSecond, history.Left(_settings), result));
        }
        history.TakeBest(_parameters);
        return history;
    }

    /// <summary>The logits of samples as they are, [samples, classes], by the parameters as they are.</summary>
    public float[] Logits(IReadOnlyList<int> samples, CancellationToken cancellation) => [.. Evaluate(_evaluation, VitGraph.Logits, samples, _inputs, _runs, cancellation).SelectMany(row => row)];

    /// <summary>The same beside the samples' labels.</summary>
    public LabelledLogits Answers(IReadOnlyList<int> samples, CancellationToken cancellation) => Labelled(samples, cancellation) with { Sources = Sources(samples) };

    private LabelledLogits Labelled(IReadOnlyList<int> samples, CancellationToken cancellation) =>
        new(Logits(samples, cancellation), [.. samples.SelectMany(i => _task.Dataset.Samples[i].Targets)], _classes, _task.Dataset.IsMultiLabel);

    // A patient's pictures are alike, and so are a picture's copies.
    private int[] Sources(IReadOnlyList<int> samples)
    {
        Dictionary<int, int> sources = [];
        foreach ((int source, int[] group) in Splits.Groups(_task.Dataset, samples).Index())
            foreach (int sample in group) sources[sample] = source;
        return [.. samples.Select(i => sources[i])];
    }

    public void Dispose()
    {
        _step?.Dispose();
        _evaluation?.Dispose(); // null when the constructor did not finish
    }

    private static int Batches(TrainingTask task) => (task.Parts.Train.Count + task.Settings.Batch - 1) / task.Settings.Batch;

    private GraphSession Session(Onnx.GraphBuilder graph, RunPlan plan, IReadOnlyList<LearnedParameter> parameters) =>
        new(graph, _task.WeightsFolder, _task.Provider, _threads, plan.Lanes, parameters);

    private ISampleInputs Inputs(IProgress<PreparationProgress>? progress, CancellationToken cancellation)
    {
        int slices = _task.Dataset.Slices;
        SampleReader reader = new(_task.Dataset, _task.Recipe, _task.CacheBytes);
        int[] samples = [.. _task.Parts.Train, .. _task.Parts.Validation, .. _task.Parts.Test];
        reader.Prepare(samples, _threads, done => progress?.Report(new PreparationProgress("reading samples", done, samples.Length)), cancellation);
        PictureInputs pictures = new(reader, slices, _task.Recipe.Size, _settings.Augmentation, _settings.Seed, _threads);
        if (_graph.Features is not { } graph) return pictures;
        using GraphSession session = Session(graph, _pictures, []);
        float[][] features = new float[_task.Dataset.Samples.Count][];
        foreach ((int i, float[] values) in Evaluate(session, TrainingGraph.FeaturesName, samples, pictures, _pictures, cancellation).Index())
        {
            features[samples[i]] = values;
            progress?.Report(new PreparationProgress("working out features", i + 1, samples.Length));
        }
        return new FeatureInputs(features, slices);
    }

    // An output's values of each sample, in their order.
    private static IEnumerable<float[]> Evaluate(GraphSession session, string output, IReadOnlyList<int> samples, ISampleInputs inputs, RunPlan plan, CancellationToken cancellation)
    {
        float[][] buffers = [.. Enumerable.Range(0, plan.Lanes).Select(_ => new float[Math.Min(plan.Length, samples.Count) * inputs.Length])];
        foreach (int[][] lot in plan.Of(samples))
        {
            IReadOnlyList<GraphInput>[] runs = [.. inputs.Fill(lot, epoch: null, buffers).Select(input => (GraphInput[])[input])];
            foreach ((int[] run, IReadOnlyDictionary<string, float[]> outputs) in lot.Zip(session.Run(runs, cancellation)))
                foreach (float[] values in outputs[output].Chunk(outputs[output].Length / run.Length)) yield return values;
        }
    }

    // What every step of a training needs.
    private sealed record Course(CosineSchedule Schedule, AdamW Optimizer, ParameterAverage Average, LossWeights Weights, TrainingHistory History, IProgress<TrainingProgress>? Progress);

    private double RunEpoch(int epoch, int batches, Course course, CancellationToken cancellation)
    {
        int[] order = [.. _task.Parts.Train];
        new SplitMix64(SplitMix64.Seed(_settings.Seed, (ulong)epoch, OrderSeed)).Shuffle<int>(order);
        long start = Stopwatch.GetTimestamp();
        double sum = 0;
        int done = 0;
        using StepInputs inputs = new(_inputs, order.Chunk(_settings.Batch).SelectMany(_runs.Of), epoch);
        for (int batch = 0; batch < batches; batch++)
        {
            int[] samples = order[(batch * _settings.Batch)..Math.Min((batch + 1) * _settings.Batch, order.Length)];
            double loss = _step!.Run(Runs(inputs, samples, course.Weights), cancellation);
            RequireNumber(loss, "loss", $"in batch {batch + 1} of epoch {epoch}");
            int step = ((epoch - 1) * batches) + batch;
            course.Optimizer.Step(_parameters, course.Schedule.At(step), step + 1);
            course.Average.Add(step + 1);
            sum += loss * samples.Length;
            done += samples.Length;
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds, perSecond = done / seconds;
            TimeSpan left = TimeSpan.FromSeconds((order.Length - done) / perSecond) + TimeSpan.FromSeconds((_settings.Epochs - epoch) * (course.History.SecondsAnEpoch ?? order.Length / perSecond));
            course.Progress?.Report(new TrainingProgress(epoch, _settings.Epochs, done, order.Length, sum / done, perSecond, left, Ended: null));
        }
        return sum / done;
    }

    private void RequireNumber(double loss, string what, string where)
    {
        if (!double.IsFinite(loss))
            throw new TrainingException($"found a {what} of {loss} {where}, expected a number; a lower learning rate than {_settings.PeakLearningRate} may help") { IsDivergence = true };
    }

    // What the runs of a batch come to is in proportion already: their gradients are parts of the batch's.
    private IEnumerable<IReadOnlyList<IReadOnlyList<GraphInput>>> Runs(StepInputs inputs, int[] samples, LossWeights weights)
    {
        float[] positive = new float[samples.Length * _classes], negative = new float[positive.Length];
        weights.Fill([.. samples.Select(i => _task.Dataset.Samples[i])], positive, negative);
        int at = 0;
        foreach (int[][] lot in _runs.Of(samples))
        {
            List<IReadOnlyList<GraphInput>> runs = [];
            foreach ((int[] run, GraphInput pictures) in lot.Zip(inputs.Take()))
            {
                long[] shape = [run.Length, _classes];
                Range rows = (at * _classes)..((at += run.Length) * _classes);
                List<GraphInput> given = [pictures, new(TrainingGraph.PositiveWeights, positive[rows], shape)];
                if (_loss == LossKind.BinaryCrossEntropy) given.Add(new(TrainingGraph.NegativeWeights, negative[rows], shape));
                runs.Add(given);
            }
            yield return runs;
        }
    }

    private (double Loss, double Auc) Validate(LossWeights weights, CancellationToken cancellation)
    {
        IReadOnlyList<int> validation = _task.Parts.Validation;
        LabelledLogits answers = Labelled(validation, cancellation);
        Sample[] samples = [.. validation.Select(i => _task.Dataset.Samples[i])];
        float[] positive = new float[answers.Logits.Length], negative = new float[answers.Logits.Length];
        weights.Fill(samples, positive, negative);
        return (TrainingLoss.Of(_loss, answers.Logits, positive, negative, _classes), Evaluation.Of(answers, temperature: 1, [.. Enumerable.Repeat(0.5, _classes)]).Auc);
    }
}
