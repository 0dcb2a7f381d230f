using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Engine;

public sealed class EdgeEngineTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Predict_FromAFile_NamesLabelModelAndTimings()
    {
        using EdgeEngine engine = fixture.Load();
        Bundle bundle = fixture.Bundle("lung", seed: 1, release: 3);
        engine.Install(bundle);
        using TemporaryFolder folder = new();
        string picture = folder["picture.bmp"];
        await File.WriteAllBytesAsync(picture, EngineFixture.Picture(1), Cancellation);

        Prediction prediction = await engine.PredictAsync("lung", picture, Cancellation);

        Assert.Equal(("lung", 3), (prediction.Task, prediction.Release));
        Assert.Equal(bundle.Digest, prediction.BundleDigest);
        Assert.Equal(engine.Base.Digest, prediction.BaseDigest);
        Assert.Equal(["class-0", "class-1", "class-2"], prediction.Scores.Select(s => s.Label));
        Assert.Equal(1, prediction.Scores.Sum(s => s.Probability), 1e-12);
        Assert.Equal(prediction.Scores.Max(s => s.Probability), prediction.Probability);
        Assert.Equal(prediction.Scores.MaxBy(s => s.Logit)!.Label, prediction.Label);
        Assert.True(prediction.Timing is { DecodeMilliseconds: > 0, PreprocessMilliseconds: > 0, InferenceMilliseconds: > 0 });
    }

    [Fact]
    public async Task Predict_EqualsARunOfTheSameAdapterByHand()
    {
        using EdgeEngine engine = fixture.Load();
        InstalledTask task = engine.Install(fixture.Bundle("lung", seed: 1));
        PreparedImage image = engine.Prepare(task, EngineFixture.Picture(7));
        float[] expected = engine.Evaluate(fixture.Adapter(1), image.Pixels, [1, 3, 32, 32], Cancellation);
        Assert.Equal(expected, Logits(await engine.PredictAsync(task, image, Cancellation)));
    }

    [Fact]
    public async Task TaskOfAnotherEngine_IsRefused_NotMergedIntoThisOnesWeights()
    {
        using EdgeEngine engine = fixture.Load(), other = fixture.Load();
        InstalledTask task = other.Install(fixture.Bundle("lung", seed: 1));
        PreparedImage image = other.Prepare(task, EngineFixture.Picture(1));
        await Assert.ThrowsAsync<ArgumentException>(() => engine.PredictAsync(task, image, Cancellation));
        Assert.Throws<ArgumentException>(() => engine.Prefetch(task));
        Assert.Equal(0, engine.Statistics.CachedTasks);
        await other.PredictAsync(task, image, Cancellation);
    }

    [Fact]
    public async Task FileOverTheLimit_IsRefused_BeforeItIsRead()
    {
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("lung", seed: 1));
        using TemporaryFolder folder = new();
        // Three gigabytes without a block on the disk: more than one array holds.
        using (FileStream sparse = File.Create(folder["huge.png"])) sparse.SetLength(3L << 30);
        ImageException e = await Assert.ThrowsAsync<ImageException>(() => engine.PredictAsync("lung", folder["huge.png"], Cancellation));
        Assert.Equal(ImageFault.OverLimit, e.Fault);
    }

    [Fact]
    public void Evaluate_OfSeveralImages_GivesEachWhatItGetsAlone()
    {
        using EdgeEngine engine = fixture.Load();
        float[] pixels = [.. Enumerable.Range(0, 3 * 3 * 32 * 32).Select(i => MathF.Sin(i * 0.37f))];
        float[] together = engine.Evaluate(fixture.Adapter(1), pixels, [3, 3, 32, 32], Cancellation);
        Assert.Equal(together, Enumerable.Range(0, 3).SelectMany(i => engine.Evaluate(fixture.Adapter(1), pixels[(i * 3072)..((i + 1) * 3072)], [1, 3, 32, 32], Cancellation)));
    }

    [Theory]
    [InlineData(1L, 3L, 16L, 64L)]
    [InlineData(2L, 3L, 32L, 32L)]
    [InlineData(1L, 1L, 32L, 96L)]
    [InlineData(3072L)]
    public void Evaluate_OfPixelsThatAreNoImagesOfTheBase_IsRefused(params long[] shape)
    {
        using EdgeEngine engine = fixture.Load();
        EngineException e = Assert.Throws<EngineException>(() => engine.Evaluate(fixture.Adapter(1), new float[3 * 32 * 32], shape, Cancellation));
        Assert.Equal(EngineFault.Incompatible, e.Fault);
        Assert.Contains("expected [n,3,32,32]", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"query\",", "\"query\", \"key\",", "without the input 'layers.0.key.weight'")]
    [InlineData("\"query\",", "", "with the input 'layers.0.query.weight'")]
    public void Load_OfAPackageWhoseGraphAndManifestDisagree_IsRefused(string line, string changed, string reason)
    {
        using TemporaryFolder folder = new();
        foreach (string file in Directory.GetFiles(fixture.BaseFolder)) File.Copy(file, folder[Path.GetFileName(file)]);
        string manifest = File.ReadAllText(folder["base.json"]);
        Assert.Contains(line, manifest, StringComparison.Ordinal);
        File.WriteAllText(folder["base.json"], manifest.Replace(line, changed, StringComparison.Ordinal));
        EngineException e = Assert.Throws<EngineException>(() => EdgeEngine.Load(folder.Root));
        Assert.Equal(EngineFault.UnusableBase, e.Fault);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TaskAThenBThenA_GivesTheBitsOfAFreshEngineWithAAlone()
    {
        // A cache that holds one task: every switch merges again from the pristine weights.
        using EdgeEngine engine = fixture.Load(new EdgeEngineOptions { Threads = 2, CacheBytes = fixture.TaskBytes });
        engine.Install(fixture.Bundle("a", seed: 1));
        engine.Install(fixture.Bundle("b", seed: 2));
        byte[] picture = EngineFixture.Picture(3);
        Prediction first = await engine.PredictAsync("a", picture, Cancellation);
        Prediction other = await engine.PredictAsync("b", picture, Cancellation);
        Prediction second = await engine.PredictAsync("a", picture, Cancellation);
        Assert.Equal(SwitchKind.Cold, other.Timing.Switch.Kind);
        Assert.Equal(SwitchKind.Cold, second.Timing.Switch.Kind);

        using EdgeEngine fresh = fixture.Load(new EdgeEngineOptions { Threads = 2 });
        fresh.Install(fixture.Bundle("a", seed: 1));
        float[] alone = Logits(await fresh.PredictAsync("a", picture, Cancellation));
        Assert.Equal(alone, Logits(first));
        Assert.Equal(alone, Logits(second));
        Assert.NotEqual(alone, Logits(other));
    }

    [Fact]
    public async Task Switch_BackToACachedTask_IsWarm_AndARunForTheSameTaskIsNoSwitch()
    {
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("a", seed: 1));
        engine.Install(fixture.Bundle("b", seed: 2));
        SwitchTiming[] timings = new SwitchTiming[3];
        string[] order = ["a", "b", "b"];
        for (int i = 0; i < order.Length; i++) timings[i] = (await engine.PredictAsync(order[i], EngineFixture.Picture(1), Cancellation)).Timing.Switch;
        Assert.All(timings, t => Assert.Equal(SwitchKind.Warm, t.Kind)); // the probe merged them at installation
        Assert.Equal([true, true, false], timings.Select(t => t.TaskChanged));
        Assert.All(timings, t => Assert.Equal(0, t.MergeMicroseconds));
        Assert.Equal(2, engine.Statistics.WarmSwitchMicroseconds.Count);
    }

    [Fact]
    public async Task Switch_ToAnEvictedTask_IsCold_AndItsStagesAddUp()
    {
        using EdgeEngine engine = fixture.Load(new EdgeEngineOptions { Threads = 1, CacheBytes = 0 });
        engine.Install(fixture.Bundle("a", seed: 1));
        engine.Install(fixture.Bundle("b", seed: 2));
        SwitchTiming timing = (await engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation)).Timing.Switch;
        Assert.Equal(SwitchKind.Cold, timing.Kind);
        Assert.True(timing is { MergeMicroseconds: > 0, BindMicroseconds: > 0 }, $"{timing}");
        double stages = timing.LookupMicroseconds + timing.AllocateMicroseconds + timing.MergeMicroseconds + timing.BindMicroseconds;
        Assert.Equal(timing.TotalMicroseconds, stages, timing.TotalMicroseconds * 1e-6);
        Assert.Equal(1, engine.Statistics.CachedTasks);
    }

    [Fact]
    public async Task Retire_WhileARequestHoldsTheTask_LetsItFinish()
    {
        using EdgeEngine engine = fixture.Load(new EdgeEngineOptions { Threads = 1, CacheBytes = 0 });
        InstalledTask task = engine.Install(fixture.Bundle("a", seed: 1));
        PreparedImage image = engine.Prepare(task, EngineFixture.Picture(1));
        float[] before = Logits(await engine.PredictAsync(task, image, Cancellation));
        Assert.True(engine.Retire("a"));
        Assert.False(engine.Retire("a"));
        Assert.Equal(before, Logits(await engine.PredictAsync(task, image, Cancellation)));
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation));
        Assert.Equal(EngineFault.UnknownTask, e.Fault);
    }

    [Fact]
    public async Task Install_OfAHigherRelease_TakesOver_AndALowerOneIsRefused()
    {
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("a", seed: 1, release: 2));
        engine.Install(fixture.Bundle("a", seed: 2, release: 3));
        Assert.Equal(3, (await engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation)).Release);
        Assert.Equal(EngineFault.LowerRelease, Assert.Throws<EngineException>(() => engine.Install(fixture.Bundle("a", seed: 1, release: 2))).Fault);
        Assert.Equal(3, engine.Find("a")!.Release);
    }

    public static TheoryData<string, EngineFault> Refusals => new()
    {
        { "base", EngineFault.BaseMismatch },
        { "architecture", EngineFault.Incompatible },
        { "depth", EngineFault.Incompatible },
        { "linear", EngineFault.Incompatible },
        { "size", EngineFault.Incompatible },
        { "expired", EngineFault.Expired },
        { "probe", EngineFault.ProbeFailed },
        { "adapter", EngineFault.ProbeFailed },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Install_OfABundleThatDoesNotBelong_IsRefused_AndTheRunningOneIsUndisturbed(string what, EngineFault expected)
    {
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("a", seed: 1));
        float[] before = Logits(await engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation));
        Bundle bundle = what switch
        {
            "base" => fixture.Bundle("a", 2, 2, change: d => d with { Base = "sha256:" + new string('0', 64) }),
            "architecture" => fixture.Bundle("a", 2, 2, change: d => d with { Architecture = "vit_d64_l3_h8_m256_patch8_32" }),
            "depth" => fixture.Bundle("a", 2, 2, fixture.Adapter(2, depth: 2)),
            "linear" => fixture.Bundle("a", 2, 2, fixture.Adapter(2, targets: [VitLinear.Query, VitLinear.Fc1])),
            "size" => fixture.Bundle("a", 2, 2,
                change: d => d with { Input = new InputDescription(new PreprocessRecipe(ResizeMode.Squash, 48, Interpolation.Bilinear, [0, 0, 0], [1, 1, 1])) },
                changeProbe: p => p with { PixelValues = new float[2 * 3 * 48 * 48], PixelShape = [2, 3, 48, 48] }),
            "expired" => fixture.Bundle("a", 2, 2, change: d => d with { Expires = DateTimeOffset.UnixEpoch.AddDays(1) }),
            "probe" => fixture.Bundle("a", 2, 2, changeProbe: p => p with { Logits = [.. p.Logits.Select((l, i) => i == 3 ? l + 0.01f * p.Logits.Max(Math.Abs) : l)] }),
            // The description and the probe of one adapter with the weights of another.
            _ => fixture.Bundle("a", 2, 2, fixture.Adapter(5), changeProbe: p => p with { PixelValues = [.. p.PixelValues.Reverse()] }),
        };
        EngineException e = Assert.Throws<EngineException>(() => engine.Install(bundle));
        Assert.Equal(expected, e.Fault);
        Assert.Contains("task 'a', release 2", e.Message, StringComparison.Ordinal);
        Prediction after = await engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation);
        Assert.Equal(1, after.Release);
        Assert.Equal(before, Logits(after));
    }

    [Fact]
    public async Task Predict_AfterTheBundleExpired_IsRefused()
    {
        SettableTime time = new(DateTimeOffset.UnixEpoch.AddDays(1));
        using EdgeEngine engine = fixture.Load(new EdgeEngineOptions { Threads = 1, TimeProvider = time });
        engine.Install(fixture.Bundle("a", 1, change: d => d with { Expires = DateTimeOffset.UnixEpoch.AddDays(2) }));
        await engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation);
        time.Now = DateTimeOffset.UnixEpoch.AddDays(2);
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation));
        Assert.Equal(EngineFault.Expired, e.Fault);
    }

    [Fact]
    public async Task Predict_OfAFileThatIsNoImage_IsAnImageException()
    {
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("a", seed: 1));
        await Assert.ThrowsAsync<ImageException>(() => engine.PredictAsync("a", "not an image"u8.ToArray(), Cancellation));
    }

    [Fact]
    public async Task Predict_WithAnImagePreparedByOtherRules_IsRefused()
    {
        using EdgeEngine engine = fixture.Load();
        InstalledTask a = engine.Install(fixture.Bundle("a", seed: 1));
        InstalledTask b = engine.Install(fixture.Bundle("b", seed: 2, change: d => d with
        {
            Input = new InputDescription(new PreprocessRecipe(ResizeMode.Squash, 32, Interpolation.Bilinear, [0, 0, 0], [1, 1, 1])),
        }));
        PreparedImage forA = engine.Prepare(a, EngineFixture.Picture(1));
        await Assert.ThrowsAsync<ArgumentException>(() => engine.PredictAsync(b, forA, Cancellation));
    }

    [Fact]
    public async Task Predict_ThatIsCancelledBeforeItsTurn_LeavesTheEngineUsable()
    {
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("a", seed: 1));
        using CancellationTokenSource cancelled = new();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => engine.PredictAsync("a", EngineFixture.Picture(1), cancelled.Token));
        await engine.PredictAsync("a", EngineFixture.Picture(1), Cancellation);
    }

    [Fact]
    public void Load_WithImpossibleOptions_ReportsEveryFault()
    {
        EngineException e = Assert.Throws<EngineException>(() => fixture.Load(new EdgeEngineOptions { Threads = -1, CacheBytes = -1 }));
        Assert.Equal(EngineFault.InvalidOptions, e.Fault);
        Assert.Contains("Threads", e.Message, StringComparison.Ordinal);
        Assert.Contains("CacheBytes", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predictions_AreMeasuredOnTheMeter_WithTaskAndKindOnly()
    {
        ConcurrentBag<(string Instrument, string Tags)> seen = [];
        using MeterListener listener = new()
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == "MeLo.Edge") l.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) =>
            seen.Add((instrument.Name, string.Join(',', tags.ToArray().Select(t => $"{t.Key}={t.Value}")))));
        listener.Start();
        using EdgeEngine engine = fixture.Load();
        engine.Install(fixture.Bundle("metered", seed: 1));
        engine.Install(fixture.Bundle("other", seed: 2));
        await engine.PredictAsync("metered", EngineFixture.Picture(1), Cancellation);
        Assert.Contains(("melo.switch.duration", "task=metered,kind=warm"), seen);
        Assert.Contains(("melo.inference.duration", "task=metered"), seen);
        Assert.Contains(("melo.prepare.duration", "task=metered"), seen);
    }

    private static float[] Logits(Prediction prediction) => [.. prediction.Scores.Select(s => s.Logit)];

    private sealed class SettableTime(DateTimeOffset now) : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = now;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
