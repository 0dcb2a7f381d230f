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
/// Trains a task: batches of varied pictures through the graph of a step, AdamW over the parameters, a look at the validation samples after every epoch, and at the
/// end the parameters of the epoch that was best there. The same task gives the same bits on one machine. Not thread-safe.
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
    private readonly int _classes;
    private GraphSession? _step;

    /// <exception cref="TrainingException">The settings have faults, or there are no samples to train on.</exception>
    public Trainer(TrainingTask task, CancellationToken cancellation = default)
    {
        _task = task;
        _settings = task.Settings;
        List<string> faults = [.. _settings.Faults()];
        if (_settings.Mode == TrainingMode.Lora && _settings.Rank > task.Architecture.Dim) faults.Add($"rank: found {_settings.Rank}, expected at most {task.Architecture.Dim}, the width of the base");
        if (faults.Count > 0) throw new TrainingException(string.Join("; ", faults));
        _classes = task.Dataset.Labels.Count;
        _loss = task.Dataset.IsMultiLabel ? LossKind.BinaryCrossEntropy : LossKind.CrossEntropy;
        _graph = TrainingGraph.Build(task.Architecture, task.Weights, new TrainingGraphOptions
        {
            Mode = _settings.Mode, Rank = _settings.Rank, Alpha = _settings.Alpha, Targets = _settings.Targets, Classes = _classes, Loss = _loss, Slices = task.Dataset.Slices,
        });
        _parameters = [.. _graph.Parameters.Select(p => new LearnedParameter(p, InitialValues.Of(p, task.Weights, _settings.Seed)))];
        _evaluation = Session(_graph.Evaluation);
        _inputs = Inputs(cancellation);
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
        int batches = (train.Count + _settings.Batch - 1) / _settings.Batch;
        CosineSchedule schedule = new(_settings.PeakLearningRate, _settings.FinalLearningRate, (int)(_settings.WarmupEpochs * batches), _settings.Epochs * batches);
        AdamW optimizer = new(_settings.WeightDecay, _settings.MaxGradientNorm);
        LossWeights weights = new(_loss, [.. train.Select(i => _task.Dataset.Samples[i])], _settings);
        TrainingHistory history = state?.Read(_parameters) ?? new TrainingHistory();
        _step ??= Session(_graph.Step);
        while (!history.IsOver(_settings))
        {
            int epoch = history.Epochs.Count + 1;
            long start = Stopwatch.GetTimestamp();
            double loss = RunEpoch(epoch, batches, schedule, optimizer, weights, history, progress, cancellation);
            (double validationLoss, double auc) = Validate(weights, cancellation);
            EpochRecord result = new(epoch, loss, validationLoss, auc, schedule.At((epoch * batches) - 1), Stopwatch.GetElapsedTime(start).TotalSeconds);
            history.Add(result, _parameters);
            state?.Write(history, _parameters);
            progress?.Report(new TrainingProgress(epoch, _settings.Epochs, train.Count, train.Count, loss, train.Count / result.Seconds, history.Left(_settings), result));
        }
        history.TakeBest(_parameters);
        return history;
    }

    /// <summary>The logits of samples as they are, [samples, classes], by the parameters as they are.</summary>
    public float[] Logits(IReadOnlyList<int> samples, CancellationToken cancellation)
    {
        float[] logits = new float[samples.Count * _classes];
        float[] buffer = new float[Math.Min(_settings.MicroBatch, samples.Count) * _inputs.Length];
        for (int at = 0; at < samples.Count; at += _settings.MicroBatch)
        {
            int[] part = [.. samples.Skip(at).Take(_settings.MicroBatch)];
            IReadOnlyDictionary<string, float[]> outputs = _evaluation.Run([_inputs.Fill(part, epoch: null, buffer)], cancellation);
            outputs[VitGraph.Logits].CopyTo(logits, at * _classes);
        }
        return logits;
    }

    /// <summary>The same beside the samples' labels.</summary>
    public LabelledLogits Answers(IReadOnlyList<int> samples, CancellationToken cancellation) =>
        new(Logits(samples, cancellation), [.. samples.SelectMany(i => _task.Dataset.Samples[i].Targets)], _classes, _task.Dataset.IsMultiLabel);

    public void Dispose()
    {
        _step?.Dispose();
        _evaluation?.Dispose(); // null when the constructor did not finish
    }

    private GraphSession Session(Onnx.GraphBuilder graph) => new(graph, _task.WeightsFolder, _task.Provider, _task.Threads, _parameters);

    private ISampleInputs Inputs(CancellationToken cancellation)
    {
        int slices = _task.Dataset.Slices;
        int threads = _task.Threads == 0 ? ProcessorCores.Count : _task.Threads;
        SampleReader reader = new(_task.Dataset, _task.Recipe, _task.CacheBytes);
        PictureInputs pictures = new(reader, slices, _task.Recipe.Size, _settings.Augmentation, _settings.Seed, threads);
        if (_graph.Features is not { } graph) return pictures;
        using GraphSession session = new(graph, _task.WeightsFolder, _task.Provider, _task.Threads, []);
        float[][] features = new float[_task.Dataset.Samples.Count][];
        float[] buffer = new float[_settings.MicroBatch * pictures.Length];
        foreach (int[] part in Samples().Chunk(_settings.MicroBatch))
        {
            float[] values = session.Run([pictures.Fill(part, epoch: null, buffer)], cancellation)[TrainingGraph.FeaturesName];
            int length = values.Length / part.Length;
            for (int i = 0; i < part.Length; i++) features[part[i]] = values[(i * length)..((i + 1) * length)];
        }
        return new FeatureInputs(features, slices);
    }

    private IEnumerable<int> Samples() => _task.Parts.Train.Concat(_task.Parts.Validation).Concat(_task.Parts.Test);

    private double RunEpoch(
        int epoch, int batches, CosineSchedule schedule, AdamW optimizer, LossWeights weights, TrainingHistory history, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        int[] order = [.. _task.Parts.Train];
        new SplitMix64(SplitMix64.Seed(_settings.Seed, (ulong)epoch, OrderSeed)).Shuffle<int>(order);
        long start = Stopwatch.GetTimestamp();
        double sum = 0;
        int done = 0;
        using StepInputs inputs = new(_inputs, order, _settings, epoch);
        for (int batch = 0; batch < batches; batch++)
        {
            int[] samples = order[(batch * _settings.Batch)..Math.Min((batch + 1) * _settings.Batch, order.Length)];
            double loss = RunBatch(inputs, samples, weights, cancellation);
            if (!double.IsFinite(loss))
                throw new TrainingException($"found a loss of {loss} in batch {batch + 1} of epoch {epoch}, expected a number; a lower learning rate than {_settings.PeakLearningRate} may help");
            int step = ((epoch - 1) * batches) + batch;
            optimizer.Step(_parameters, schedule.At(step), step + 1);
            sum += loss * samples.Length;
            done += samples.Length;
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds, perSecond = done / seconds;
            TimeSpan left = TimeSpan.FromSeconds((order.Length - done) / perSecond) + TimeSpan.FromSeconds((_settings.Epochs - epoch) * (history.SecondsAnEpoch ?? order.Length / perSecond));
            progress?.Report(new TrainingProgress(epoch, _settings.Epochs, done, order.Length, sum / done, perSecond, left, Ended: null));
        }
        return sum / done;
    }

    // The gradients of a batch are the sums of its parts', which are in proportion already.
    private double RunBatch(StepInputs inputs, int[] samples, LossWeights weights, CancellationToken cancellation)
    {
        double loss = 0;
        float[] positive = new float[samples.Length * _classes], negative = new float[positive.Length];
        weights.Fill([.. samples.Select(i => _task.Dataset.Samples[i])], positive, negative);
        for (int at = 0; at < samples.Length; at += _settings.MicroBatch)
        {
            int count = Math.Min(_settings.MicroBatch, samples.Length - at);
            long[] shape = [count, _classes];
            Range rows = (at * _classes)..((at + count) * _classes);
            List<GraphInput> given = [inputs.Take(), new(TrainingGraph.PositiveWeights, positive[rows], shape)];
            if (_loss == LossKind.BinaryCrossEntropy) given.Add(new(TrainingGraph.NegativeWeights, negative[rows], shape));
            if (at > 0) KeepGradients();
            loss += _step!.Run(given, cancellation)[TrainingGraph.Loss][0];
            if (at > 0) AddKept();
        }
        return loss;
    }

    private float[][]? _kept;

    private void KeepGradients()
    {
        _kept ??= [.. _parameters.Select(p => new float[p.Gradient.Length])];
        for (int i = 0; i < _kept.Length; i++) _parameters[i].Gradient.CopyTo(_kept[i], 0);
    }

    private void AddKept()
    {
        for (int i = 0; i < _kept!.Length; i++) System.Numerics.Tensors.TensorPrimitives.Add(_parameters[i].Gradient, _kept[i], _parameters[i].Gradient);
    }

    private (double Loss, double Auc) Validate(LossWeights weights, CancellationToken cancellation)
    {
        IReadOnlyList<int> validation = _task.Parts.Validation;
        LabelledLogits answers = Answers(validation, cancellation);
        Sample[] samples = [.. validation.Select(i => _task.Dataset.Samples[i])];
        float[] positive = new float[answers.Logits.Length], negative = new float[answers.Logits.Length];
        weights.Fill(samples, positive, negative);
        return (TrainingLoss.Of(_loss, answers.Logits, positive, negative, _classes), Evaluation.Of(answers, temperature: 1, [.. Enumerable.Repeat(0.5, _classes)]).Auc);
    }
}
