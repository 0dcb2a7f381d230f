using System.Collections.Concurrent;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Engine;

/// <summary>Tasks that demand fp32 on an engine whose resident graph is int8.</summary>
public sealed class MixedPrecisionTests : IDisposable
{
    private static readonly EdgeEngineOptions s_int8 = new() { Threads = 2, Precision = Precision.Int8 };
    private static readonly long[] s_shape = [1, 3, 32, 32];
    private readonly EngineFixture _fixture = new(AdaptableSet.QueryValue, Precision.Fp32, Precision.Int8);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private long Int8TaskBytes => 2L * _fixture.Architecture.Depth * MergedFormat.Of(Precision.Int8).ByteLength(_fixture.Architecture.Dim, _fixture.Architecture.Dim);

    [Fact]
    public async Task TaskThatDemandsFp32_GivesTheBitsOfAnFp32Engine_AndSaysItsPrecision()
    {
        using EdgeEngine fp32 = _fixture.Load(), mixed = _fixture.Load(s_int8);
        Bundle bundle = Demanding("exact", 1);
        InstalledTask alone = fp32.Install(bundle), beside = mixed.Install(bundle), rounded = mixed.Install(Measured("rounded", 1));
        Assert.Equal((Precision.Int8, Precision.Fp32, Precision.Int8), (mixed.Precision, beside.Precision, rounded.Precision));
        Assert.InRange(beside.ProbeDifference, 0, 1e-5); // by the fp32 tolerance; int8 would be beyond it
        for (int i = 0; i < 4; i++)
        {
            Prediction expected = await PredictAsync(fp32, alone, i), found = await PredictAsync(mixed, beside, i), other = await PredictAsync(mixed, rounded, i);
            Assert.Equal((Precision.Fp32, Precision.Int8), (found.Precision, other.Precision));
            Assert.Equal(Logits(expected), Logits(found));
            Assert.NotEqual(Logits(found), Logits(other)); // the same adapter on the other graph
        }
    }

    [Fact]
    public async Task TaskAfterOnesOfTheOtherGraph_GivesTheBitsOfAFreshEngine()
    {
        Bundle exact = Demanding("exact", 1), rounded = Measured("rounded", 2);
        using EdgeEngine used = _fixture.Load(s_int8 with { CacheBytes = 0 });
        InstalledTask a = used.Install(exact), b = used.Install(rounded);
        for (int i = 0; i < 3; i++)
        {
            await PredictAsync(used, a, 3);
            await PredictAsync(used, b, 3);
        }
        using EdgeEngine fresh = _fixture.Load(s_int8 with { Threads = 1 });
        InstalledTask freshB = fresh.Install(rounded), freshA = fresh.Install(exact);
        Assert.Equal(Logits(await PredictAsync(fresh, freshA, 3)), Logits(await PredictAsync(used, a, 3)));
        Assert.Equal(Logits(await PredictAsync(fresh, freshB, 3)), Logits(await PredictAsync(used, b, 3)));
    }

    [Fact]
    public void WrongProbe_IsRefusedByTheFp32Tolerance_AndLeavesNothing()
    {
        using EdgeEngine engine = _fixture.Load(s_int8);
        Bundle wrong = _fixture.Bundle("exact", 1, change: d => d with { Precision = Precision.Fp32, Tolerance = new ProbeTolerance(1e-3, 0.25) },
            changeProbe: p => new Probe(p.PixelValues, p.PixelShape, [.. p.Logits.Select(l => l + 0.01f)], p.Classes));
        EngineException refused = Assert.Throws<EngineException>(() => engine.Install(wrong));
        Assert.Equal(EngineFault.ProbeFailed, refused.Fault);
        Assert.Contains("expected at most 0.001 in fp32", refused.Message, StringComparison.Ordinal);
        Assert.Null(engine.Find("exact"));
        Assert.Equal(0, engine.Statistics.CacheBytes);
    }

    [Fact]
    public void OptionThatRefuses_RefusesTheDemand_AndNothingElse()
    {
        using EdgeEngine engine = _fixture.Load(s_int8 with { Fp32Tasks = Fp32TaskPolicy.Refuse });
        InstalledTask before = engine.Install(Measured("lung", 1));
        EngineException refused = Assert.Throws<EngineException>(() => engine.Install(Demanding("lung", 2, release: 2)));
        Assert.Equal(EngineFault.PrecisionRefused, refused.Fault);
        Assert.Contains("found a bundle that demands fp32 on a device that runs int8", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Fp32Tasks", refused.Message, StringComparison.Ordinal);
        Assert.Same(before, engine.Find("lung"));
        // On an fp32 engine there is nothing to refuse.
        using EdgeEngine fp32 = _fixture.Load(new EdgeEngineOptions { Threads = 1, Fp32Tasks = Fp32TaskPolicy.Refuse });
        Assert.Equal(Precision.Fp32, fp32.Install(Demanding("lung", 2)).Precision);
    }

    [Fact]
    public void BaseWithoutAnFp32Graph_RefusesTheDemand()
    {
        using EngineFixture fixture = new(AdaptableSet.QueryValue, Precision.Fp32, Precision.Int8);
        Bundle demanding = fixture.Bundle("lung", 1, change: d => d with { Precision = Precision.Fp32 });
        using TemporaryFolder folder = new();
        RandomCheckpoint.Write(folder["checkpoint.safetensors"], fixture.Architecture);
        BaseImport.Import(folder["checkpoint.safetensors"], folder["base"], new BaseImportOptions { Heads = fixture.Architecture.Heads, Precisions = [Precision.Int8] }, cancellation: Cancellation);
        using EdgeEngine engine = EdgeEngine.Load(folder["base"], s_int8);
        EngineException refused = Assert.Throws<EngineException>(() => engine.Install(demanding));
        Assert.Equal(EngineFault.PrecisionRefused, refused.Fault);
        Assert.Contains("a base without an fp32 graph", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PolicyThatIsNone_IsAFaultOfTheOptions() =>
        Assert.Contains("Fp32Tasks", Assert.Throws<EngineException>(() => _fixture.Load(s_int8 with { Fp32Tasks = (Fp32TaskPolicy)7 })).Message, StringComparison.Ordinal);

    [Fact]
    public void BundleWithoutDemandOrTolerance_IsToldTheWayOut()
    {
        using EdgeEngine engine = _fixture.Load(s_int8);
        EngineException refused = Assert.Throws<EngineException>(() => engine.Install(_fixture.Bundle("lung", 1)));
        Assert.Equal(EngineFault.Incompatible, refused.Fault);
        Assert.Contains("--precision fp32", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fp32Graph_IsLoadedWithTheFirstTaskThatNeedsIt_AndFreedAfterTheLast()
    {
        using EdgeEngine engine = _fixture.Load(s_int8);
        engine.Install(Measured("rounded", 1));
        InstalledTask first = engine.Install(Demanding("first", 2)), second = engine.Install(Demanding("second", 3));
        ResidentModel model = first.Graph.Hold();
        Assert.Same(first.Graph, second.Graph);
        model.Dispose(); // this test's own hold
        Assert.True(engine.Retire("first"));
        Assert.True(IsLoaded(model), "the other task needs it");
        InstalledTask replacement = engine.Install(Measured("second", 4, release: 2)); // without the demand
        Assert.Equal(Precision.Int8, replacement.Precision);
        Assert.False(IsLoaded(model), "no task needs it");
        // Work that began with a retired task ends with it, on a graph that is loaded once more, and leaves nothing behind.
        using EdgeEngine fp32 = _fixture.Load();
        Assert.Equal(Logits(await PredictAsync(fp32, fp32.Install(Demanding("first", 2)), 1)), Logits(await PredictAsync(engine, first, 1)));
        // The answer is given before its weights are let go of.
        Assert.True(SpinWait.SpinUntil(() => engine.Statistics.CacheBytes == 2 * Int8TaskBytes, TimeSpan.FromSeconds(10)), $"{engine.Statistics.CacheBytes}");
    }

    [Fact]
    public void RefusedBundle_LeavesNoGraphBehind()
    {
        using EdgeEngine engine = _fixture.Load(s_int8);
        InstalledTask good = engine.Install(Demanding("good", 1));
        using ResidentModel model = good.Graph.Hold();
        Bundle strict = _fixture.Bundle("strict", 2, change: d => d with { Precision = Precision.Fp32 },
            changeProbe: p => new Probe(p.PixelValues, p.PixelShape, [.. p.Logits.Select(l => l + 1)], p.Classes));
        Assert.Throws<EngineException>(() => engine.Install(strict));
        engine.Retire("good");
        Assert.True(model.TryHold()); // by this test alone
        model.Dispose();
        model.Dispose();
        Assert.False(IsLoaded(model));
    }

    [Fact]
    public async Task Budget_CountsTheTasksOfBothGraphs()
    {
        // One fp32 task and one int8 task fit, but not two fp32 ones.
        long budget = _fixture.TaskBytes + Int8TaskBytes;
        using EdgeEngine engine = _fixture.Load(s_int8 with { CacheBytes = budget });
        InstalledTask a = engine.Install(Demanding("a", 1)), b = engine.Install(Demanding("b", 2)), c = engine.Install(Measured("c", 3));
        Assert.Equal(budget, engine.Statistics.CacheBytes); // b and c
        Assert.Equal(SwitchKind.Warm, (await PredictAsync(engine, b, 1)).Timing.Switch.Kind);
        Assert.Equal(SwitchKind.Warm, (await PredictAsync(engine, c, 1)).Timing.Switch.Kind);
        Assert.Equal(SwitchKind.Cold, (await PredictAsync(engine, a, 1)).Timing.Switch.Kind);
        Assert.Equal(SwitchKind.Warm, (await PredictAsync(engine, c, 1)).Timing.Switch.Kind);
        Assert.Equal(budget, engine.Statistics.CacheBytes); // a and c
    }

    [Fact]
    public async Task ConcurrentCallers_OverBothGraphs_GetEachTasksOwnAnswer_WhileTasksComeAndGo()
    {
        const int Tasks = 6, Pictures = 3, Callers = 8, Requests = 60;
        long budget = _fixture.TaskBytes + (2 * Int8TaskBytes);
        using EdgeEngine engine = _fixture.Load(s_int8 with { CacheBytes = budget }), exact = _fixture.Load(), rounded = _fixture.Load(s_int8);
        PreparedImage[] images = [];
        Dictionary<(int Task, int Picture), float[]> expected = [];
        Bundle[] bundles = [.. Enumerable.Range(0, Tasks).Select(t => IsExact(t) ? Demanding($"task-{t}", t) : Measured($"task-{t}", t))];
        for (int t = 0; t < Tasks; t++)
        {
            InstalledTask task = engine.Install(bundles[t]);
            if (t == 0) images = [.. Enumerable.Range(0, Pictures).Select(i => engine.Prepare(task, EngineFixture.Picture(i)))];
            for (int p = 0; p < Pictures; p++)
                expected[(t, p)] = (IsExact(t) ? exact : rounded).Evaluate(bundles[t].Adapter, images[p].Pixels, s_shape, Cancellation);
        }
        ConcurrentBag<string> wrong = [];
        int answered = 0;
        Task[] callers = [.. Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            Random random = new(caller);
            for (int i = 0; i < Requests; i++)
            {
                (int t, int p) = (random.Next(Tasks), random.Next(Pictures));
                if (engine.Find($"task-{random.Next(Tasks)}") is { } next) engine.Prefetch(next);
                if (engine.Find($"task-{t}") is not { } task) continue; // retired just now
                Prediction found = await engine.PredictAsync(task, images[p], Cancellation);
                Interlocked.Increment(ref answered);
                if (found.Precision != (IsExact(t) ? Precision.Fp32 : Precision.Int8)) wrong.Add($"task {t} ran in {found.Precision}");
                if (!expected[(t, p)].SequenceEqual(Logits(found))) wrong.Add($"task {t}, picture {p}");
            }
        }, Cancellation))];
        // Every task that needs the fp32 graph goes, and comes back, again and again: the graph with them, under the callers' runs.
        Task all = Task.WhenAll(callers);
        for (int round = 0; !all.IsCompleted; round++)
        {
            for (int t = 0; t < Tasks; t++)
                if (IsExact(t)) engine.Retire($"task-{t}");
            await Task.Delay(5, Cancellation);
            for (int t = 0; t < Tasks; t++)
                if (IsExact(t)) await Task.Run(() => engine.Install(bundles[t]), Cancellation);
            await Task.Delay(5, Cancellation);
        }
        await all;
        Assert.Empty(wrong);
        Assert.True(answered > Callers * Requests / 2, $"{answered} answers");
        EngineStatistics statistics = engine.Statistics;
        Assert.InRange(statistics.CacheBytes, 1, budget);
        // A prefetch that was called off may still be giving its buffer back.
        Assert.True(SpinWait.SpinUntil(() => engine.Statistics.BufferBytes <= budget + _fixture.TaskBytes, TimeSpan.FromSeconds(10)), $"{engine.Statistics}");

        static bool IsExact(int task) => task % 2 == 0;
    }

    [Fact]
    public async Task Dispose_UnderRequestsOfBothGraphs_FreesBoth()
    {
        EdgeEngine engine = _fixture.Load(s_int8);
        InstalledTask exact = engine.Install(Demanding("exact", 1)), rounded = engine.Install(Measured("rounded", 2));
        (ResidentModel one, ResidentModel other) = (exact.Graph.Hold(), rounded.Graph.Hold());
        one.Dispose();
        other.Dispose();
        PreparedImage image = engine.Prepare(exact, EngineFixture.Picture(1));
        Task<Prediction>[] requests = [.. Enumerable.Range(0, 32).Select(i => engine.PredictAsync(i % 2 == 0 ? exact : rounded, image, Cancellation))];
        engine.Prefetch(exact);
        await Task.Run(engine.Dispose, Cancellation);
        foreach (Task<Prediction> request in requests)
        {
            await Task.WhenAny(request, Task.Delay(TimeSpan.FromSeconds(30), Cancellation));
            Assert.True(request.IsCompletedSuccessfully || request.Exception?.InnerException is ObjectDisposedException, $"found {request.Status}");
        }
        // A merge in the background may just be giving its lease back.
        Assert.True(SpinWait.SpinUntil(() => !IsLoaded(one) && !IsLoaded(other), TimeSpan.FromSeconds(10)));
        Assert.Throws<ObjectDisposedException>(() => engine.Install(Demanding("late", 3)));
        Assert.Throws<ObjectDisposedException>(() => exact.Graph.Hold());
    }

    public void Dispose() => _fixture.Dispose();

    private Bundle Measured(string task, int seed, int release = 1) =>
        _fixture.Bundle(task, seed, release, change: d => d with { Tolerance = new ProbeTolerance(1e-3, 0.25) });

    private Bundle Demanding(string task, int seed, int release = 1) => _fixture.Bundle(task, seed, release, change: d => d with { Precision = Precision.Fp32 });

    private static Task<Prediction> PredictAsync(EdgeEngine engine, InstalledTask task, int picture) =>
        engine.PredictAsync(task, engine.Prepare(task, EngineFixture.Picture(picture)), Cancellation);

    private static float[] Logits(Prediction prediction) => [.. prediction.Scores.Select(s => s.Logit)];

    private static bool IsLoaded(ResidentModel model)
    {
        if (!model.TryHold()) return false;
        model.Dispose();
        return true;
    }
}
