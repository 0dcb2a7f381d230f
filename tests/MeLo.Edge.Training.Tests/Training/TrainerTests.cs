using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Providers;
using MeLo.Edge.Training.Bases;
using MeLo.Edge.Training.Data;
using MeLo.Edge.Training.Metrics;
using MeLo.Edge.Training.Optimization;
using MeLo.Edge.Training.Steps;

namespace MeLo.Edge.Training.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private static readonly TrainingSettings s_quick = new() { Epochs = 3, Batch = 24, MicroBatch = 24, Augmentation = Augmentation.None, Patience = 0 };

    private readonly SmallTask _small = new();

    public void Dispose() => _small.Dispose();

    [Fact]
    public void WholeModel_LearnsEveryTrainingSampleByHeart()
    {
        TrainingTask task = _small.Of(s_quick with { Mode = TrainingMode.Full, Epochs = 100, LearningRate = 3e-3, LabelSmoothing = 0, WeightDecay = 0 }, samples: 48);
        using Trainer trainer = new(task);
        TrainingHistory history = trainer.Train(state: null, progress: null, TestContext.Current.CancellationToken);
        Assert.True(history.Epochs[^1].TrainLoss < 0.02, $"loss {history.Epochs[^1].TrainLoss}");
    }

    [Theory]
    [InlineData(TrainingMode.Lora, false, null)]
    [InlineData(TrainingMode.Full, false, null)]
    [InlineData(TrainingMode.Lora, true, null)]
    [InlineData(TrainingMode.Lora, false, 4)]
    public void Task_IsLearntAndAnsweredOnOtherSamples(TrainingMode mode, bool multiLabel, int? slices)
    {
        TrainingTask task = _small.Of(s_quick with { Mode = mode, Rank = 8, Alpha = 8, Targets = VitLinears.All, Epochs = 25, LearningRate = mode == TrainingMode.Full ? 2e-3 : 1e-2 }, samples: multiLabel ? 1600 : 400, multiLabel, slices);
        using Trainer trainer = new(task);
        trainer.Train(state: null, progress: null, TestContext.Current.CancellationToken);
        TrainingResult result = TrainingResult.Of(trainer, task.Parts, TestContext.Current.CancellationToken);
        Assert.True(result.Test.Auc > 0.95, $"AUC {result.Test.Auc}");
    }

    [Fact]
    public void SameSeed_GivesTheSameBits_AndAnotherOthers()
    {
        TrainingSettings settings = s_quick with { Augmentation = Augmentation.Default };
        Assert.Equal(Learnt(settings), Learnt(settings));
        Assert.NotEqual(Learnt(settings), Learnt(settings with { Seed = 2 }));
    }

    // Five runs of 8: one after the other; two, two and one; three and two; and all side by side.
    [Theory]
    [InlineData(TrainingMode.Lora, false)]
    [InlineData(TrainingMode.Full, false)]
    [InlineData(TrainingMode.Full, true)]
    [InlineData(TrainingMode.Head, false)]
    public void RunsSideBySide_ChangeNoBit(TrainingMode mode, bool multiLabel)
    {
        TrainingSettings settings = s_quick with { Mode = mode, Batch = 40, MicroBatch = 40, Augmentation = Augmentation.Default };
        float[] one = Learnt(settings, threads: 1, multiLabel);
        foreach (int threads in (int[])[2, 3, 5]) Assert.Equal(one, Learnt(settings, threads, multiLabel));
    }

    [Theory]
    [InlineData(16, 1, 2, 8, 2)]
    [InlineData(16, 1, 1, 8, 1)]
    [InlineData(16, 1, 16, 8, 2)]
    [InlineData(8, 1, 2, 8, 1)]
    [InlineData(12, 1, 2, 6, 2)]
    [InlineData(9, 1, 4, 5, 1)]
    [InlineData(3, 1, 4, 3, 1)]
    [InlineData(10, 7, 16, 2, 5)]
    [InlineData(16, 28, 4, 1, 4)]
    public void Runs_AreNotMoreAtOnceThanAllowed(int atOnce, int slices, int threads, int length, int lanes)
    {
        RunPlan plan = RunPlan.ForPictures(atOnce, slices, new CpuProvider(), threads);
        Assert.Equal(new RunPlan(length, lanes), plan);
        Assert.True(plan.Length * plan.Lanes <= atOnce);
        Assert.Equal(Enumerable.Range(0, 50), plan.Of(Enumerable.Range(0, 50)).SelectMany(lot => lot).SelectMany(run => run));
    }

    [Fact]
    public void PartsOfABatch_LearnAsTheWholeDoes()
    {
        float[] parts = Learnt(s_quick with { Batch = 16, MicroBatch = 3 }), whole = Learnt(s_quick with { Batch = 16, MicroBatch = 16 });
        Assert.Equal(whole.Length, parts.Length);
        for (int i = 0; i < whole.Length; i++) Assert.Equal(whole[i], parts[i], 2e-3f); // Adam makes a step of full size of a gradient that is all rounding
    }

    [Theory]
    [InlineData(TrainingMode.Lora)]
    [InlineData(TrainingMode.Head)]
    public void FrozenWeights_StayAsTheyAre(TrainingMode mode)
    {
        byte[] before = File.ReadAllBytes(_small.WeightsPath);
        TrainingTask task = _small.Of(s_quick with { Mode = mode });
        using Trainer trainer = new(task);
        trainer.Train(state: null, progress: null, TestContext.Current.CancellationToken);
        Assert.Equal(before, File.ReadAllBytes(_small.WeightsPath));
        Assert.DoesNotContain(trainer.Parameters, p => task.Weights.Tensors.ContainsKey(p.Name));
        foreach (CanonicalWeight weight in CanonicalWeights.Of(SmallTask.Vit)) Assert.True(task.Weights[weight.Name].IsFinite());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(7)]
    public void InterruptedTraining_GoesOnToTheSameBits(int batchesBefore)
    {
        TrainingSettings settings = s_quick with { Augmentation = Augmentation.Default };
        TrainingTask task = _small.Of(settings);
        TrainingStateFile state = new(_small["state.safetensors"], new TrainingIdentity([("task", "small")]), "begin anew");
        using (Trainer first = new(task))
        {
            using CancellationTokenSource stop = new();
            Assert.ThrowsAny<OperationCanceledException>(() => first.Train(state, new StopAfter(batchesBefore, stop), stop.Token));
        }
        using Trainer second = new(task);
        TrainingHistory history = second.Train(state, progress: null, TestContext.Current.CancellationToken);
        Assert.Equal(3, history.Epochs.Count);
        Assert.Equal(Learnt(settings), Values(second.Parameters));
    }

    [Fact]
    public void Averaging_ChangesWhatIsKeptAndNotWhereTheStepsGo()
    {
        TrainingSettings last = s_quick with { AveragingEpochs = 0 }, mean = s_quick with { AveragingEpochs = 1 };
        Assert.NotEqual(Learnt(last), Learnt(mean));
        Assert.Equal(Losses(last), Losses(mean));
        // Of one step each: an epoch has three batches.
        Assert.Equal(Learnt(last), Learnt(s_quick with { AveragingEpochs = 1.0 / 3 }));

        double[] Losses(TrainingSettings settings)
        {
            using Trainer trainer = new(_small.Of(settings));
            return [.. trainer.Train(state: null, progress: null, TestContext.Current.CancellationToken).Epochs.Select(e => e.TrainLoss)];
        }
    }

    [Fact]
    public void StateOfAnotherTraining_IsRefusedWithTheDifferences()
    {
        TrainingTask task = _small.Of(s_quick with { Epochs = 1, WarmupEpochs = 0 });
        using Trainer trainer = new(task);
        trainer.Train(new TrainingStateFile(_small["state.safetensors"], new TrainingIdentity([("seed", "1"), ("rank", "4")]), "begin anew"), progress: null, TestContext.Current.CancellationToken);
        TrainingException e = Assert.Throws<TrainingException>(() =>
            new TrainingStateFile(_small["state.safetensors"], new TrainingIdentity([("seed", "2"), ("rank", "4")]), "begin anew").Read(trainer.Parameters, new ParameterAverage(trainer.Parameters, 1)));
        Assert.Contains("seed: found 1, expected 2", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("rank", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedState_IsRefused()
    {
        TrainingTask task = _small.Of(s_quick with { Epochs = 1, WarmupEpochs = 0 });
        using Trainer trainer = new(task);
        TrainingStateFile state = new(_small["state.safetensors"], new TrainingIdentity([("seed", "1")]), "begin anew");
        trainer.Train(state, progress: null, TestContext.Current.CancellationToken);
        byte[] whole = File.ReadAllBytes(_small["state.safetensors"]);
        foreach (int length in (int[])[0, 7, 100, whole.Length / 2, whole.Length - 1])
        {
            File.WriteAllBytes(_small["state.safetensors"], whole[..length]);
            Assert.Throws<TrainingException>(() => state.Read(trainer.Parameters, new ParameterAverage(trainer.Parameters, 1)));
        }
    }

    [Fact]
    public void Patience_EndsTrainingThatGetsNoBetter()
    {
        // Steps so large that the answers wander.
        TrainingTask task = _small.Of(s_quick with { Mode = TrainingMode.Head, Epochs = 200, Patience = 3, LearningRate = 20, WeightDecay = 0, WarmupEpochs = 0 });
        using Trainer trainer = new(task);
        TrainingHistory history = trainer.Train(state: null, progress: null, TestContext.Current.CancellationToken);
        Assert.InRange(history.Epochs.Count, 4, 199);
        Assert.Equal(3, history.Epochs.Count - history.Best!.Epoch);
    }

    [Fact]
    public void ImpossibleLearningRate_IsSaidAndNotLearntFrom()
    {
        TrainingTask task = _small.Of(s_quick with { Mode = TrainingMode.Full, LearningRate = 1e30, WarmupEpochs = 0, WeightDecay = 0 });
        using Trainer trainer = new(task);
        TrainingException e = Assert.Throws<TrainingException>(() => trainer.Train(state: null, progress: null, TestContext.Current.CancellationToken));
        Assert.Contains("expected a number", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public void LastStepThatTearsTheModelDown_IsNoEpoch(double averaging)
    {
        // All samples in one batch: after the step that goes wrong there is none that would show it.
        TrainingTask task = _small.Of(s_quick with { Mode = TrainingMode.Full, LearningRate = 1e30, WarmupEpochs = 0, WeightDecay = 0, Epochs = 1, Batch = 4096, AveragingEpochs = averaging });
        using Trainer trainer = new(task);
        TrainingException e = Assert.Throws<TrainingException>(() => trainer.Train(new TrainingStateFile(_small["state.safetensors"], new TrainingIdentity([]), ""), progress: null, TestContext.Current.CancellationToken));
        Assert.True(e.IsDivergence);
        Assert.Contains("found a validation loss of NaN after epoch 1, expected a number", e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_small["state.safetensors"]));
    }

    [Fact]
    public void Progress_GoesUpToTheLastSample_AndTellsWhatEveryEpochCameTo()
    {
        TrainingTask task = _small.Of(s_quick);
        using Trainer trainer = new(task);
        List<TrainingProgress> told = [];
        TrainingHistory history = trainer.Train(state: null, new Told(told), TestContext.Current.CancellationToken);
        int samples = task.Parts.Train.Count, batches = (samples + 23) / 24;
        Assert.Equal(3 * (batches + 1), told.Count);
        foreach ((int epoch, TrainingProgress[] those) in told.GroupBy(t => t.Epoch).Select((g, i) => (i + 1, g.ToArray())))
        {
            Assert.All(those, t => Assert.Equal((epoch, 3, samples), (t.Epoch, t.Epochs, t.Samples)));
            Assert.Equal([.. Enumerable.Range(1, batches).Select(b => Math.Min(24 * b, samples)), samples], those.Select(t => t.Done));
            Assert.All(those, t => Assert.True(t.SamplesPerSecond > 0 && double.IsFinite(t.SamplesPerSecond)));
            Assert.All(those[..^1], t => Assert.Null(t.Ended));
            Assert.Same(history.Epochs[epoch - 1], those[^1].Ended);
            Assert.Equal(history.Epochs[epoch - 1].TrainLoss, those[^1].Loss);
            Assert.True(epoch == 3 ? those[^1].Left == TimeSpan.Zero : those[^1].Left > TimeSpan.Zero);
        }
    }

    [Fact]
    public void FaultySettings_AreAllNamed()
    {
        TrainingException e = Assert.Throws<TrainingException>(() => new Trainer(_small.Of(s_quick with { Rank = 0, Batch = 0, LabelSmoothing = 1 })));
        Assert.Contains("rank: found 0", e.Message, StringComparison.Ordinal);
        Assert.Contains("batch: found 0", e.Message, StringComparison.Ordinal);
        Assert.Contains("label smoothing: found 1", e.Message, StringComparison.Ordinal);
        foreach (double alpha in (double[])[1e39, 1e-50]) Assert.Contains("at rank 4, expected one that 32-bit numbers hold, itself and by the rank", new TrainingSettings { Alpha = alpha }.Faults().Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void AnswersOfAPatient_HaveOneSource()
    {
        TrainingTask task = _small.Of(s_quick);
        // Three samples a patient, but for two copies of another's picture.
        Sample[] samples = [.. task.Dataset.Samples.Select((s, i) => s with { Patient = $"{i / 3}", Content = i is 0 or 90 ? "same" : $"{i}" })];
        Dataset dataset = Dataset.Of("patients", task.Dataset.Labels, isMultiLabel: false, samples, task.Dataset.Pictures);
        using Trainer trainer = new(task with { Dataset = dataset }, cancellation: TestContext.Current.CancellationToken);
        IReadOnlyList<int> sources = trainer.Answers([0, 1, 3, 5, 90, 92, 93], TestContext.Current.CancellationToken).Sources!;
        Assert.Equal([0, 0, 1, 1, 0, 0, 2], sources.Select(s => sources.Distinct().ToList().IndexOf(s)));
    }

    [Fact]
    public void TrainedAdapter_OnTheEngineGivesTheTrainersLogits()
    {
        TrainingTask task = _small.Of(s_quick);
        using Trainer trainer = new(task);
        trainer.Train(state: null, progress: null, TestContext.Current.CancellationToken);
        LabelledLogits answers = trainer.Answers(task.Parts.Test, TestContext.Current.CancellationToken);
        LoraAdapter adapter = TrainedAdapter.Of(task.Architecture, task.Settings, trainer.Parameters, temperature: 2);
        string checkpoint = _small["vit.safetensors"], folder = _small["base"];
        using (FileStream file = File.Create(checkpoint))
            TimmCheckpoint.Write(file, task.Architecture, CanonicalWeights.Of(task.Architecture).ToDictionary(w => w.Name, w => task.Weights[w.Name].ToSingles()), half: false);
        BaseImport.Import(checkpoint, folder, new BaseImportOptions { Heads = SmallTask.Vit.Heads }, cancellation: TestContext.Current.CancellationToken);
        using Engine.EdgeEngine engine = Engine.EdgeEngine.Load(folder);
        (float[] pixels, long[] shape) = task.Pixels(task.Parts.Test, task.Parts.Test.Count);
        float[] logits = engine.Evaluate(adapter, pixels, shape, TestContext.Current.CancellationToken);
        for (int i = 0; i < logits.Length; i++) Assert.Equal(answers.Logits[i] / 2, logits[i], 1e-5f);
    }

    private float[] Learnt(TrainingSettings settings, int threads = 2, bool multiLabel = false)
    {
        using Trainer trainer = new(_small.Of(settings, multiLabel: multiLabel) with { Threads = threads });
        trainer.Train(state: null, progress: null, TestContext.Current.CancellationToken);
        return Values(trainer.Parameters);
    }

    private static float[] Values(IEnumerable<LearnedParameter> parameters) => [.. parameters.SelectMany(p => p.Values)];

    private sealed class Told(List<TrainingProgress> told) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => told.Add(value);
    }

    private sealed class StopAfter(int batches, CancellationTokenSource stop) : IProgress<TrainingProgress>
    {
        private int _left = batches;

        public void Report(TrainingProgress value)
        {
            if (value.Ended is null && _left-- == 0) stop.Cancel();
        }
    }
}
