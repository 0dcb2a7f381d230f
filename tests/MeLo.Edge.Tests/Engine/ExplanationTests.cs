using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Tests.Models;

namespace MeLo.Edge.Tests.Engine;

/// <summary>Heat maps of installed tasks, and what they leave alone.</summary>
public sealed class ExplanationTests : IDisposable
{
    private readonly EngineFixture _fixture = new(AdaptableSet.QueryValue, Precision.Fp32, Precision.Int8);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Map_IsOfTheTask_AndNamesWhatMadeIt()
    {
        using EdgeEngine engine = _fixture.Load();
        InstalledTask lung = engine.Install(Bundle("lung", 1)), heart = engine.Install(Bundle("heart", 2));
        HeatMap map = await engine.ExplainAsync(lung, engine.Prepare(lung, EngineFixture.Picture(1)), Cancellation);
        Assert.Equal(("lung", 1, lung.BundleDigest, engine.Base.Digest, 4), (map.Task, map.Release, map.BundleDigest, map.BaseDigest, map.Grid));
        Assert.Equal(16, map.Values.Length);
        Assert.Equal(1, map.Values.ToArray().Max());
        Assert.All(map.Values.ToArray(), v => Assert.InRange(v, 1e-6f, 1f));
        Assert.InRange(map.LargestShare, 1 / 17f, 1f);
        Assert.InRange(map.Values.ToArray().Sum() * map.LargestShare, 0.5, 1.0);
        HeatMap again = await engine.ExplainAsync(lung, engine.Prepare(lung, EngineFixture.Picture(1)), Cancellation);
        Assert.Equal(map.Values.ToArray(), again.Values.ToArray());
        HeatMap other = await engine.ExplainAsync(heart, engine.Prepare(heart, EngineFixture.Picture(1)), Cancellation);
        Assert.NotEqual(map.Values.ToArray(), other.Values.ToArray());
    }

    [Fact]
    public async Task EveryPrecision_GivesTheSameMap_AlsoOfABaseWithoutAnFp32Graph()
    {
        using EdgeEngine fp32 = _fixture.Load(), int8 = _fixture.Load(new EdgeEngineOptions { Threads = 1, Precision = Precision.Int8 });
        float[] expected = await Map(fp32);
        Assert.Equal(expected, await Map(int8));
        using TemporaryFolder folder = new();
        RandomCheckpoint.Write(folder["checkpoint.safetensors"], _fixture.Architecture);
        Importing.Import(folder["checkpoint.safetensors"], folder["base"], new BaseImportOptions { Heads = _fixture.Architecture.Heads, Precisions = [Precision.Int8] });
        using EdgeEngine alone = EdgeEngine.Load(folder["base"], new EdgeEngineOptions { Threads = 1, Precision = Precision.Int8 });
        Assert.DoesNotContain(Precision.Fp32, alone.Base.Precisions);
        Assert.Equal(expected, await Map(alone));

        async Task<float[]> Map(EdgeEngine engine)
        {
            InstalledTask task = engine.Install(Bundle("lung", 1));
            return (await engine.ExplainAsync(task, engine.Prepare(task, EngineFixture.Picture(1)), Cancellation)).Values.ToArray();
        }
    }

    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Int8)]
    public async Task Answers_AreTheSameBitsBeforeAndAfter_AndTheCacheIsAsItWas(Precision precision)
    {
        using EdgeEngine engine = _fixture.Load(new EdgeEngineOptions { Threads = 1, Precision = precision });
        InstalledTask task = engine.Install(Bundle("lung", 1));
        PreparedImage image = engine.Prepare(task, EngineFixture.Picture(1));
        Prediction before = await engine.PredictAsync(task, image, Cancellation);
        (long bytes, int tasks) = (engine.Statistics.CacheBytes, engine.Statistics.CachedTasks);
        Assert.False(engine.IsExplaining);
        await engine.ExplainAsync(task, image, Cancellation);
        Assert.True(engine.IsExplaining);
        Prediction after = await engine.PredictAsync(task, image, Cancellation);
        Assert.Equal(before.Scores.Select(s => s.Logit), after.Scores.Select(s => s.Logit));
        Assert.False(after.Timing.Switch.TaskChanged);
        Assert.Equal((bytes, tasks), (engine.Statistics.CacheBytes, engine.Statistics.CachedTasks));
    }

    [Fact]
    public async Task Graph_IsLetGoOfAfterAWhile_AndComesBack()
    {
        HandTime time = new();
        using EdgeEngine engine = _fixture.Load(new EdgeEngineOptions { Threads = 1, TimeProvider = time });
        InstalledTask task = engine.Install(Bundle("lung", 1));
        PreparedImage image = engine.Prepare(task, EngineFixture.Picture(1));
        HeatMap first = await engine.ExplainAsync(task, image, Cancellation);
        Assert.Equal(Explanations.Pause, time.Due);
        time.Ring();
        Assert.False(engine.IsExplaining);
        Assert.Equal(first.Values.ToArray(), (await engine.ExplainAsync(task, image, Cancellation)).Values.ToArray());
        Assert.True(engine.IsExplaining);
    }

    [Fact]
    public async Task ExplanationsAndAnswersTogether_AllComeOut()
    {
        using EdgeEngine engine = _fixture.Load();
        InstalledTask lung = engine.Install(Bundle("lung", 1)), heart = engine.Install(Bundle("heart", 2));
        PreparedImage image = engine.Prepare(lung, EngineFixture.Picture(1));
        HeatMap expected = await engine.ExplainAsync(lung, image, Cancellation);
        Prediction answer = await engine.PredictAsync(lung, image, Cancellation);
        Task[] work = [.. Enumerable.Range(0, 40).Select(async i =>
        {
            if (i % 4 == 3) await engine.ExplainAsync(heart, image, Cancellation);
            else if (i % 4 == 2) await engine.PredictAsync(heart, image, Cancellation);
            else if (i % 4 == 1) Assert.Equal(expected.Values.ToArray(), (await engine.ExplainAsync(lung, image, Cancellation)).Values.ToArray());
            else Assert.Equal(answer.Scores.Select(s => s.Logit), (await engine.PredictAsync(lung, image, Cancellation)).Scores.Select(s => s.Logit));
        })];
        await Task.WhenAll(work);
    }

    [Fact]
    public async Task RetiredTask_IsStillExplained_AndAfterTheEngineNothingIs()
    {
        EdgeEngine engine = _fixture.Load();
        InstalledTask task = engine.Install(Bundle("lung", 1));
        PreparedImage image = engine.Prepare(task, EngineFixture.Picture(1));
        HeatMap before = await engine.ExplainAsync(task, image, Cancellation);
        engine.Retire("lung");
        Assert.Equal(before.Values.ToArray(), (await engine.ExplainAsync(task, image, Cancellation)).Values.ToArray());
        engine.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => engine.ExplainAsync(task, image, Cancellation));
    }

    [Fact]
    public async Task WhatCannotBeExplained_IsRefused()
    {
        HandTime time = new() { Now = DateTimeOffset.UnixEpoch.AddDays(1) };
        using EdgeEngine engine = _fixture.Load(new EdgeEngineOptions { Threads = 1, TimeProvider = time }), stranger = _fixture.Load();
        InstalledTask task = engine.Install(Bundle("lung", 1, d => d with { Expires = DateTimeOffset.UnixEpoch.AddDays(2) })), other = stranger.Install(Bundle("lung", 1));
        PreparedImage image = engine.Prepare(task, EngineFixture.Picture(1));
        await Assert.ThrowsAsync<ArgumentException>(() => engine.ExplainAsync(other, image, Cancellation));
        PreparedImage unknown = PreparedImage.FromPixels(new float[3 * 32 * 32], task.Description.Input);
        await Assert.ThrowsAsync<ArgumentException>(() => engine.ExplainAsync(task, unknown, Cancellation));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => engine.ExplainAsync(task, image, new CancellationToken(canceled: true)));
        time.Now = DateTimeOffset.UnixEpoch.AddDays(3);
        Assert.Equal(EngineFault.Expired, (await Assert.ThrowsAsync<EngineException>(() => engine.ExplainAsync(task, image, Cancellation))).Fault);
    }

    [Fact]
    public async Task CentreCut_SaysWhereItLies()
    {
        using EdgeEngine engine = _fixture.Load();
        PreprocessRecipe cut = new(ResizeMode.ShortestSide, 32, Interpolation.Bilinear, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f], shortestSide: 40);
        InstalledTask task = engine.Install(Bundle("lung", 1, d => d with { Input = new InputDescription(cut) }));
        HeatMap map = await engine.ExplainAsync(task, engine.Prepare(task, EngineFixture.Picture(1, size: 80)), Cancellation);
        Assert.Equal((80, 80, 8, 8, 64, 64), (map.Square.PictureWidth, map.Square.PictureHeight, map.Square.Left, map.Square.Top, map.Square.Width, map.Square.Height));
        Assert.Equal(0, map.At(7.9, 40));
        Assert.Equal(0, map.At(40, 72.1));
        Assert.Equal(map.Values.Span[5], map.At(8 + (1.5 * 16), 8 + (1.5 * 16)), 1e-6); // the centre of the second patch of the second row
    }

    private Bundle Bundle(string task, int seed, Func<AdapterDescription, AdapterDescription>? change = null) =>
        _fixture.Bundle(task, seed, change: d => (change ?? (x => x))(d with { Tolerance = new ProbeTolerance(1e-3, 0.5) }));

    /// <summary>A clock whose timers ring when they are told to.</summary>
    private sealed class HandTime : TimeProvider
    {
        private TimerCallback? _callback;

        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => Now;

        public TimeSpan? Due { get; private set; }

        public void Ring() => _callback!(null);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _callback = callback;
            return new Timer(this);
        }

        private sealed class Timer(HandTime time) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                time.Due = dueTime;
                return true;
            }

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
