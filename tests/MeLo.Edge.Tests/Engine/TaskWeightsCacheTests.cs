using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Tests.Engine;

public sealed class TaskWeightsCacheTests(EngineFixture fixture) : IClassFixture<EngineFixture>, IDisposable
{
    private readonly BasePackage _package = BasePackage.Open(fixture.BaseFolder);
    private BaseGraph? _graph;
    private ResidentModel? _model;

    private BaseGraph Graph => _graph ??= new BaseGraph(_package, Precision.Fp32, new CpuProvider(), SessionThreads.Of(1), strict: false);

    private TaskMerger Merger => (_model ??= Graph.Hold()).Merger;

    [Fact]
    public async Task Prefetch_MakesTheNextSwitchWarm()
    {
        using TaskWeightsCache cache = new(2 * fixture.TaskBytes, Merger);
        InstalledTask task = Task(1);
        await cache.Prefetch(task);
        cache.Acquire(task, out SwitchTiming timing).Release();
        Assert.Equal(SwitchKind.Warm, timing.Kind);
        Assert.True(timing.TaskChanged);
    }

    [Fact]
    public async Task Prefetch_WhereOneTaskFits_LeavesTheTaskInUse()
    {
        using TaskWeightsCache cache = new(fixture.TaskBytes, Merger);
        InstalledTask inUse = Task(1);
        Assert.Equal(SwitchKind.Cold, Kind(cache, inUse));
        await cache.Prefetch(Task(2));
        Assert.Equal(SwitchKind.Warm, Kind(cache, inUse));
    }

    [Fact]
    public void Acquire_OfMoreTasksThanFit_KeepsTheMostRecentlyUsed()
    {
        using TaskWeightsCache cache = new(2 * fixture.TaskBytes, Merger);
        InstalledTask a = Task(1), b = Task(2), c = Task(3);
        Assert.Equal(SwitchKind.Cold, Kind(cache, a));
        Assert.Equal(SwitchKind.Cold, Kind(cache, b));
        Assert.Equal(SwitchKind.Warm, Kind(cache, a));
        Assert.Equal(SwitchKind.Cold, Kind(cache, c)); // b was used longest ago
        Assert.Equal(SwitchKind.Warm, Kind(cache, a));
        Assert.Equal(SwitchKind.Cold, Kind(cache, b));
        Assert.Equal(2, cache.Count);
        Assert.Equal(2 * fixture.TaskBytes, cache.CachedBytes);
        Assert.InRange(cache.BufferBytes, 2 * fixture.TaskBytes, 3 * fixture.TaskBytes); // and perhaps a spare one
    }

    [Fact]
    public void MakeRoom_KeepsThatTaskAndWhatIsLeased_AndLessFromThenOn()
    {
        using TaskWeightsCache cache = new(4 * fixture.TaskBytes, Merger);
        InstalledTask a = Task(1), b = Task(2), c = Task(3);
        Assert.Equal(SwitchKind.Cold, Kind(cache, a));
        TaskWeights leased = cache.Acquire(b, out _);
        float[] before = FirstMatrix(leased);
        Assert.Equal(SwitchKind.Cold, Kind(cache, c));
        cache.MakeRoom(a);
        Assert.Equal((1, fixture.TaskBytes), (cache.Count, cache.CachedBytes));
        Assert.Equal(before, FirstMatrix(leased));
        Assert.InRange(cache.BufferBytes, 2 * fixture.TaskBytes, 3 * fixture.TaskBytes); // a's, b's for as long as it is leased, and perhaps a spare one
        leased.Release();
        Assert.Equal(SwitchKind.Warm, Kind(cache, a));
        Assert.Equal(SwitchKind.Cold, Kind(cache, b));
        Assert.Equal(SwitchKind.Cold, Kind(cache, c)); // three were more than there is room for: two are kept
        Assert.Equal(2, cache.Count);
        Assert.Equal(SwitchKind.Cold, Kind(cache, a));
    }

    [Fact]
    public void EvictedWeights_StayAsTheyAre_UntilTheLastLeaseEnds()
    {
        using TaskWeightsCache cache = new(fixture.TaskBytes, Merger);
        InstalledTask a = Task(1), b = Task(2);
        TaskWeights leased = cache.Acquire(a, out _);
        float[] before = FirstMatrix(leased);
        foreach (InstalledTask other in new[] { b, Task(3), b }) cache.Acquire(other, out _).Release(); // evicts a while it is leased
        Assert.Equal(before, FirstMatrix(leased));
        Assert.Equal(1, cache.Count);
        leased.Release();
        Assert.InRange(cache.BufferBytes, fixture.TaskBytes, 2 * fixture.TaskBytes);
        Assert.False(leased.TryLease());
    }

    [Fact]
    public async Task Acquire_FromManyCallersAtOnce_MergesOnce()
    {
        using TaskWeightsCache cache = new(4 * fixture.TaskBytes, Merger);
        InstalledTask task = Task(1);
        TaskWeights[] weights = await System.Threading.Tasks.Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => System.Threading.Tasks.Task.Run(() => cache.Acquire(task, out SwitchTiming _))));
        Assert.Single(weights.Distinct());
        foreach (TaskWeights w in weights) w.Release();
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public async Task Prefetches_EvictEachOther_ButNotTheTaskInUse()
    {
        using TaskWeightsCache cache = new(2 * fixture.TaskBytes, Merger);
        InstalledTask inUse = Task(1);
        Assert.Equal(SwitchKind.Cold, Kind(cache, inUse));
        await cache.Prefetch(Task(2));
        await cache.Prefetch(Task(3));
        Assert.Equal(SwitchKind.Warm, Kind(cache, inUse));
    }

    [Fact]
    public void Acquire_OfATaskWhosePrefetchHasNotBegun_DoesNotWaitForTheThreadPool()
    {
        using TaskWeightsCache cache = new(2 * fixture.TaskBytes, Merger);
        InstalledTask task = Task(1);
        using CountdownEvent busy = new(64);
        for (int i = busy.InitialCount; i > 0; i--)
        {
            ThreadPool.QueueUserWorkItem(_ =>
            {
                Thread.Sleep(10);
                busy.Signal();
            });
        }
        Task prefetched = cache.Prefetch(task);
        cache.Acquire(task, out SwitchTiming timing).Release();
        Assert.True(timing.MergeMicroseconds > 0, "the caller merges");
        Assert.True(prefetched.IsCompletedSuccessfully);
        busy.Wait(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Merge_ThatFails_LeavesNothingBehind()
    {
        using TaskWeightsCache cache = new(2 * fixture.TaskBytes, Merger);
        // An engine would not install it: this base exposes query and value only.
        InstalledTask foreign = new(fixture.Bundle("foreign", 1, adapter: fixture.Adapter(1, targets: [VitLinear.Fc1])), engine: null, Graph, DateTimeOffset.UnixEpoch);
        await cache.Prefetch(foreign);
        Assert.Equal((0, 0), (cache.Count, cache.CachedBytes));
        Assert.Throws<KeyNotFoundException>(() => cache.Acquire(foreign, out _));
        Assert.Equal((0, 0), (cache.Count, cache.CachedBytes));
        Assert.Equal(SwitchKind.Cold, Kind(cache, Task(2)));
    }

    [Fact]
    public void Dispose_WaitsForTheMergesUnderWay_AndCallsOffTheOthers()
    {
        TaskWeightsCache cache = new(64 * fixture.TaskBytes, Merger);
        InstalledTask[] tasks = [.. Enumerable.Range(1, 8).Select(Task)];
        Task[] prefetched = [.. tasks.Select(cache.Prefetch)];
        cache.Dispose(); // the model may be freed next
        Assert.All(prefetched, p => Assert.True(p.IsCompletedSuccessfully));
    }

    [Fact]
    public void Dispose_FreesEveryBuffer()
    {
        TaskWeightsCache cache = new(4 * fixture.TaskBytes, Merger);
        InstalledTask a = Task(1);
        cache.Acquire(a, out _).Release();
        TaskWeights held = cache.Acquire(Task(2), out _);
        cache.Dispose();
        held.Release();
        // A spare buffer may just be on its way; it is dropped when it arrives.
        SpinWait.SpinUntil(() => cache.BufferBytes == 0, TimeSpan.FromSeconds(10));
        Assert.Equal(0, cache.BufferBytes);
        Assert.Throws<ObjectDisposedException>(() => cache.Acquire(a, out _));
    }

    public void Dispose()
    {
        _package.Dispose();
    }

    private InstalledTask Task(int seed) => new(fixture.Bundle($"task-{seed}", seed), engine: null, Graph, DateTimeOffset.UnixEpoch);

    private static SwitchKind Kind(TaskWeightsCache cache, InstalledTask task)
    {
        cache.Acquire(task, out SwitchTiming timing).Release();
        return timing.Kind;
    }

    private static float[] FirstMatrix(TaskWeights weights)
    {
        foreach (var value in weights.Inputs)
            if (value is not null) return value.AsSpan<float>().ToArray();
        throw new InvalidOperationException("no input has a value");
    }
}
