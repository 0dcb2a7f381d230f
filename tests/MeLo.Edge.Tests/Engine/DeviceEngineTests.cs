using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Tests.Engine;

/// <summary>The engine on a device: WebGPU on whatever Vulkan driver there is, the software one where there is no GPU.</summary>
[Collection(nameof(DeviceTests))]
public sealed class DeviceEngineTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static readonly EdgeEngineOptions s_options = new() { Provider = ExecutionProvider.WebGpu, Threads = 1, Strict = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Evaluate_GivesTheHostsLogits()
    {
        using EdgeEngine device = Load(), host = fixture.Load();
        Assert.Equal(ExecutionProvider.WebGpu, device.Provider);
        Assert.Empty(device.NodesOnHost);
        LoraAdapter adapter = fixture.Adapter(1);
        float[] pixels = RandomValues.Normal(new Random(3), 3 * 3 * 32 * 32, 1);
        float[] found = device.Evaluate(adapter, pixels, [3, 3, 32, 32], Cancellation), expected = host.Evaluate(adapter, pixels, [3, 3, 32, 32], Cancellation);
        Models.Closeness.AssertWithin(1e-4, expected, found);
    }

    [Fact]
    public async Task Switching_ToAnotherTaskAndBack_GivesTheSameBits()
    {
        using EdgeEngine engine = Load(s_options with { CacheBytes = 0 });
        engine.Install(fixture.Bundle("a", seed: 1));
        engine.Install(fixture.Bundle("b", seed: 2));
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
        InstalledTask task = engine.Install(fixture.Bundle("a", seed: 1));
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
        long[] shape = [1, 3, 32, 32];
        float[] pixels = RandomValues.Normal(new Random(3), 3 * 32 * 32, 1);
        for (int i = 0; i < 3; i++) model.Run(weights, pixels, shape, Cancellation);
        Assert.Equal(3 * pixels.Length * sizeof(float), model.HostBytesIn - runs); // pixels, and no weights, for a run
        weights.Release();

        // A warm switch sends nothing but the picture.
        await engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation);
        (merges, runs) = (merger.HostBytesIn, model.HostBytesIn);
        Prediction warm = await engine.PredictAsync("a", EngineFixture.Picture(2), Cancellation);
        Assert.Equal(SwitchKind.Warm, warm.Timing.Switch.Kind);
        Assert.Equal((0, 3 * 32 * 32 * sizeof(float)), (merger.HostBytesIn - merges, model.HostBytesIn - runs));
    }

    [Fact]
    public async Task TwoHundredRandomSwitches_UnderConcurrentPredictions_GiveEachTasksOwnAnswer()
    {
        const int Tasks = 6, Requests = 200, Callers = 8;
        long task = new WebGpuProvider().AllocatedBytes(64 * 64 * sizeof(float)) * 2 * fixture.Architecture.Depth;
        using EdgeEngine engine = Load(s_options with { CacheBytes = 2 * task });
        byte[] picture = EngineFixture.Picture(7);
        float[][] expected = new float[Tasks][];
        for (int t = 0; t < Tasks; t++)
        {
            InstalledTask installed = engine.Install(fixture.Bundle($"task-{t}", seed: t));
            expected[t] = engine.Evaluate(fixture.Adapter(t), engine.Prepare(installed, picture).Pixels, [1, 3, 32, 32], Cancellation);
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
        VulkanDriver.Require();
        using EngineFixture all = new(AdaptableSet.All, Precision.Fp32);
        using EdgeEngine device = all.Load(s_options), host = all.Load();
        float[] pixels = RandomValues.Normal(new Random(3), 3 * 32 * 32, 1);
        foreach (LoraAdapter adapter in (LoraAdapter[])[all.Adapter(1, targets: [VitLinear.Fc1, VitLinear.Output], rank: 3), all.Adapter(2, classes: 7, rank: 16)])
            Models.Closeness.AssertWithin(1e-4, host.Evaluate(adapter, pixels, [1, 3, 32, 32], Cancellation), device.Evaluate(adapter, pixels, [1, 3, 32, 32], Cancellation));
    }

    private EdgeEngine Load(EdgeEngineOptions? options = null)
    {
        VulkanDriver.Require();
        return fixture.Load(options ?? s_options);
    }
}

/// <summary>One at a time, apart from other tests: a software device takes every core.</summary>
[CollectionDefinition(nameof(DeviceTests), DisableParallelization = true)]
public sealed class DeviceTests;
