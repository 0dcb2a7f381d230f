using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Engine;

/// <summary>
/// What the engine does on a device, in every precision that one may compute in: WebGPU on whatever Vulkan driver there is, the software one where there is no GPU.
/// </summary>
[Collection(nameof(DeviceTests))]
public abstract class DeviceEngineContract(DeviceFixture fixture, ElementType type, double tolerance) : IClassFixture<DeviceFixture>
{
    private const int Size = DeviceFixture.Size, Pixels = 3 * Size * Size;

    private readonly EdgeEngineOptions _options = new() { Provider = ExecutionProvider.WebGpu, Precision = type == ElementType.F16 ? Precision.Fp16 : Precision.Fp32, Threads = 1, Strict = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Evaluate_GivesTheHostsLogits()
    {
        using EdgeEngine device = Load(), host = fixture.Load();
        Assert.Equal(ExecutionProvider.WebGpu, device.Provider);
        Assert.Empty(device.NodesOnHost);
        LoraAdapter adapter = fixture.Adapter(1);
        float[] pixels = RandomValues.Normal(new Random(3), 3 * Pixels, 1);
        float[] found = device.Evaluate(adapter, pixels, [3, 3, Size, Size], Cancellation), expected = host.Evaluate(adapter, pixels, [3, 3, Size, Size], Cancellation);
        Models.Closeness.AssertWithin(tolerance, expected, found);
    }

    [Fact]
    public async Task HeatMap_IsTheHosts_AndTakesNothingOfTheDevice()
    {
        using EdgeEngine device = Load(), host = fixture.Load();
        InstalledTask here = device.Install(Bundle("a", seed: 1)), there = host.Install(Bundle("a", seed: 1));
        byte[] picture = EngineFixture.Picture(1);
        HeatMap found = await device.ExplainAsync(here, device.Prepare(here, picture), Cancellation), expected = await host.ExplainAsync(there, host.Prepare(there, picture), Cancellation);
        Assert.Equal(expected.Values.ToArray(), found.Values.ToArray());
        using ResidentModel model = here.Graph.Hold();
        long bytes = model.HostBytesIn;
        await device.ExplainAsync(here, device.Prepare(here, picture), Cancellation);
        Assert.Equal(bytes, model.HostBytesIn);
    }

    [Fact]
    public async Task Switching_ToAnotherTaskAndBack_GivesTheSameBits()
    {
        using EdgeEngine engine = Load(_options with { CacheBytes = 0 });
        engine.Install(Bundle("a", seed: 1));
        engine.Install(Bundle("b", seed: 2));
        byte[] picture = EngineFixture.Picture(1);
        float[] before = await Logits("a");
        Assert.NotEqual(before, await Logits("b"));
        Assert.Equal(before, await Logits("a"));

        async Task<float[]> Logits(string task)
        {
            Prediction prediction = await engine.PredictAsync(task, picture, Cancellation);
            Assert.Equal(ExecutionProvider.WebGpu, prediction.Provider);
            Assert.Equal(SwitchKind.Cold, prediction.Timing.Switch.Kind);
            return [.. prediction.Scores.Select(s => s.Logit)];
        }
    }

    [Fact]
    public async Task MergedWeights_StayOnTheDevice()
    {
        using EdgeEngine engine = Load();
        InstalledTask task = engine.Install(Bundle("a", seed: 1));
        using ResidentModel model = task.Graph.Hold();
        DeviceTaskMerger merger = Assert.IsType<DeviceTaskMerger>(model.Merger);
        LoraAdapter adapter = fixture.Adapter(5);
        using WeightBuffers pool = new(budget: 0, merger);
        long merges = merger.HostBytesIn, runs = model.HostBytesIn;
        TaskWeights weights = model.Merge(adapter, pool.Rent(merger.MergedBytes(adapter)), pool, 1, out _);
        Assert.Equal(
            (adapter.LoraParameterCount + adapter.Head.Bias.Length + adapter.Head.Transposed.Length) * sizeof(float),
            merger.HostBytesIn - merges); // A, B and the head, and nothing of W or W'
        Assert.All(weights.Inputs.ToArray().OfType<OrtValue>(), value => Assert.StartsWith("WebGPU", value.MemoryName, StringComparison.Ordinal));
        long[] shape = [1, 3, Size, Size];
        float[] pixels = RandomValues.Normal(new Random(3), Pixels, 1);
        for (int i = 0; i < 3; i++) model.Run(weights, pixels, shape, Cancellation);
        Assert.Equal(3 * pixels.Length * sizeof(float), model.HostBytesIn - runs); // pixels, and no weights, for a run
        weights.Release();

        // A warm switch sends nothing but the picture.
        await engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation);
        (merges, runs) = (merger.HostBytesIn, model.HostBytesIn);
        Prediction warm = await engine.PredictAsync("a", EngineFixture.Picture(2), Cancellation);
        Assert.Equal(SwitchKind.Warm, warm.Timing.Switch.Kind);
        Assert.Equal((0, Pixels * sizeof(float)), (merger.HostBytesIn - merges, model.HostBytesIn - runs));
    }

    [Fact]
    public async Task TwoHundredRandomSwitches_UnderConcurrentPredictions_GiveEachTasksOwnAnswer()
    {
        const int Tasks = 6, Requests = 200, Callers = 8;
        int dim = fixture.Architecture.Dim;
        long task = new WebGpuProvider().AllocatedBytes(dim * dim * type.Size()) * 2 * fixture.Architecture.Depth;
        using EdgeEngine engine = Load(_options with { CacheBytes = 2 * task });
        byte[] picture = EngineFixture.Picture(7);
        float[][] expected = new float[Tasks][];
        for (int t = 0; t < Tasks; t++)
        {
            InstalledTask installed = engine.Install(Bundle($"task-{t}", seed: t));
            expected[t] = engine.Evaluate(fixture.Adapter(t), engine.Prepare(installed, picture).Pixels, [1, 3, Size, Size], Cancellation);
        }
        int wrong = 0;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            Random random = new(caller);
            for (int i = 0; i < Requests / Callers; i++)
            {
                int t = random.Next(Tasks);
                if (random.Next(3) == 0) engine.Prefetch(engine.Find($"task-{random.Next(Tasks)}")!);
                Prediction prediction = await engine.PredictAsync($"task-{t}", picture, Cancellation);
                if (!expected[t].SequenceEqual(prediction.Scores.Select(s => s.Logit))) Interlocked.Increment(ref wrong);
            }
        })));
        Assert.Equal(0, wrong);
        Assert.True(engine.Statistics.ColdSwitchMilliseconds.Count > Requests / 4, $"{engine.Statistics}");
        Assert.InRange(engine.Statistics.CacheBytes, task, 2 * task);
    }

    [Fact]
    public void AnAdapterOfOtherLinears_AndOtherRanks_MergesToo()
    {
        Require();
        using EngineFixture all = new(DeviceFixture.Small, AdaptableSet.All, Precision.Fp32, Precision.Fp16);
        using EdgeEngine device = all.Load(_options), host = all.Load();
        float[] pixels = RandomValues.Normal(new Random(3), Pixels, 1);
        foreach (LoraAdapter adapter in (LoraAdapter[])[all.Adapter(1, targets: [VitLinear.Fc1, VitLinear.Output], rank: 3), all.Adapter(2, classes: 7, rank: 16)])
            Models.Closeness.AssertWithin(tolerance, host.Evaluate(adapter, pixels, [1, 3, Size, Size], Cancellation), device.Evaluate(adapter, pixels, [1, 3, Size, Size], Cancellation));
    }

    [Theory]
    [InlineData(BatchPolicy.Merged)]
    [InlineData(BatchPolicy.Mixed)]
    [InlineData(BatchPolicy.Measured)]
    public async Task Batch_OfSeveralTasks_GivesEveryImageItsOwnTasksAnswer(BatchPolicy policy)
    {
        using EdgeEngine device = Load(_options with { Batches = policy }), host = fixture.Load();
        (string Task, LoraAdapter Adapter)[] tasks =
        [
            ("a", fixture.Adapter(1)), ("b", fixture.Adapter(2, classes: 5, rank: 7)), ("c", fixture.Adapter(3, classes: 2, targets: [VitLinear.Value])),
        ];
        foreach ((string task, LoraAdapter adapter) in tasks)
        {
            device.Install(Bundle(task, seed: 1, adapter: adapter));
            host.Install(Bundle(task, seed: 1, adapter: adapter));
        }
        (string Task, byte[] Picture)[] images = [.. "abacab".Select((task, i) => (task.ToString(), EngineFixture.Picture(i)))];
        for (int round = 0; round < 3; round++)
        {
            Prediction[] found = await Task.WhenAll(device.PredictAsync(
                [.. images.Select(i => new PredictionRequest(device.Find(i.Task)!, device.Prepare(device.Find(i.Task)!, i.Picture)))], Cancellation));
            for (int i = 0; i < images.Length; i++)
            {
                Prediction expected = await host.PredictAsync(images[i].Task, images[i].Picture, Cancellation);
                Assert.Equal(expected.Task, found[i].Task);
                Models.Closeness.AssertWithin(tolerance, [.. expected.Scores.Select(s => s.Logit)], [.. found[i].Scores.Select(s => s.Logit)]);
            }
            if (policy == BatchPolicy.Mixed) Assert.All(found, p => Assert.Equal((6, true), (p.Timing.BatchSize, p.Timing.IsMixed)));
            if (policy == BatchPolicy.Merged) Assert.Equal([3, 2, 3, 1, 3, 2], found.Select(p => p.Timing.BatchSize));
            // What a batch's tasks need is on the device after the first.
            if (round > 0 && policy != BatchPolicy.Measured) Assert.All(found, p => Assert.Equal(SwitchKind.Warm, p.Timing.Switch.Kind));
        }
    }

    [Fact]
    public async Task MixedBatches_OfOtherSizes_OneAfterTheOther_AnswerAll()
    {
        using EdgeEngine engine = Load(_options with { Batches = BatchPolicy.Mixed });
        foreach (string task in (string[])["a", "b", "c"]) engine.Install(Bundle(task, seed: task[0]));
        Dictionary<string, float[]> alone = [];
        foreach (string task in (string[])["a", "b", "c"]) alone.Add(task, Logits(await engine.PredictAsync(task, EngineFixture.Picture(4), Cancellation)));
        foreach (string batch in (string[])["abcabcab", "abcab", "ab", "cabcabc"])
        {
            PredictionRequest[] requests = [.. batch.Select(t => engine.Find(t.ToString())!).Select(t => new PredictionRequest(t, engine.Prepare(t, EngineFixture.Picture(4))))];
            Prediction[] found = await Task.WhenAll(engine.PredictAsync(requests, Cancellation));
            Assert.Equal(batch, string.Concat(found.Select(p => p.Task)));
            Assert.All(found, p => Models.Closeness.AssertWithin(tolerance, alone[p.Task], Logits(p)));
        }

        static float[] Logits(Prediction prediction) => [.. prediction.Scores.Select(s => s.Logit)];
    }

    private protected EdgeEngine Load(EdgeEngineOptions? options = null)
    {
        Require();
        return fixture.Load(options ?? _options);
    }

    // Measured in every precision, as far as the device's rounding goes.
    private protected Bundle Bundle(string task, int seed, LoraAdapter? adapter = null) =>
        fixture.Bundle(task, seed, adapter: adapter, change: d => d with { Tolerance = new ProbeTolerance(1e-3, Fp16: 0.05) });

    private void Require()
    {
        if (type == ElementType.F16) DeviceTests.RequireHalf();
        else DeviceTests.RequireDevice();
    }
}

/// <summary>In fp32: what the processor answers.</summary>
public sealed class Fp32DeviceEngineTests(DeviceFixture fixture) : DeviceEngineContract(fixture, ElementType.F32, tolerance: 1e-4);

/// <summary>As small as a Vision Transformer can be: a software device takes milliseconds an operator.</summary>
public sealed class DeviceFixture() : EngineFixture(Small, AdaptableSet.QueryValue, Precision.Fp32, Precision.Fp16)
{
    public const int Size = 16;

    internal static VitArchitecture Small { get; } = new() { ImageSize = Size, PatchSize = 8, Dim = 32, Depth = 1, Heads = 2, MlpDim = 64 };
}
