using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Kernels;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Engine;

/// <summary>The same bundles on the int8 graph: close to fp32, the same bits whatever ran before, and only where their maker measured it.</summary>
public sealed class Int8EngineTests : IDisposable
{
    private readonly EngineFixture _fixture = new(AdaptableSet.QueryValue, Precision.Fp32, Precision.Int8);
    private static readonly EdgeEngineOptions s_int8 = new() { Threads = 2, Precision = Precision.Int8 };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Predict_IsCloseToFp32_AndSaysItsPrecision()
    {
        using EdgeEngine fp32 = _fixture.Load(), int8 = _fixture.Load(s_int8);
        Bundle bundle = Measured("lung", 1);
        InstalledTask exact = fp32.Install(bundle), rounded = int8.Install(bundle);
        double largest = 1, difference = 0;
        for (int i = 0; i < 8; i++)
        {
            Prediction expected = await fp32.PredictAsync(exact, fp32.Prepare(exact, EngineFixture.Picture(i)), Cancellation);
            Prediction found = await int8.PredictAsync(rounded, int8.Prepare(rounded, EngineFixture.Picture(i)), Cancellation);
            Assert.Equal((Precision.Fp32, Precision.Int8), (expected.Precision, found.Precision));
            for (int c = 0; c < expected.Scores.Count; c++)
            {
                largest = Math.Max(largest, Math.Abs(expected.Scores[c].Logit));
                difference = Math.Max(difference, Math.Abs(expected.Scores[c].Logit - found.Scores[c].Logit));
            }
        }
        // Random weights are harsher than trained ones; and not the same: it is another arithmetic.
        Assert.InRange(difference / largest, 1e-6, 0.25);
    }

    [Fact]
    public async Task TaskAfterOthers_GivesTheBitsOfAFreshEngine()
    {
        Bundle a = Measured("a", 1), b = Measured("b", 2);
        using EdgeEngine used = _fixture.Load(s_int8 with { CacheBytes = 0 });
        InstalledTask first = used.Install(a), second = used.Install(b);
        PreparedImage image = used.Prepare(first, EngineFixture.Picture(3));
        for (int i = 0; i < 3; i++)
        {
            await used.PredictAsync(first, image, Cancellation);
            await used.PredictAsync(second, image, Cancellation);
        }
        Prediction again = await used.PredictAsync(first, image, Cancellation);
        using EdgeEngine fresh = _fixture.Load(s_int8 with { Threads = 1 });
        InstalledTask task = fresh.Install(a);
        Prediction alone = await fresh.PredictAsync(task, fresh.Prepare(task, EngineFixture.Picture(3)), Cancellation);
        Assert.Equal(alone.Scores.Select(s => s.Logit), again.Scores.Select(s => s.Logit));
    }

    [Fact]
    public void CachedTask_TakesAQuarterOfTheMemory_AndTheSumsAndScales()
    {
        using EdgeEngine engine = _fixture.Load(s_int8);
        engine.Install(Measured("a", 1));
        long sumsAndScales = _fixture.Architecture.Depth * 2L * 2 * _fixture.Architecture.Dim * sizeof(float);
        Assert.Equal((_fixture.TaskBytes / 4) + sumsAndScales, engine.Statistics.CacheBytes);
    }

    [Fact]
    public void Processor_IsCalledByTheInstructionsOfItsFastestPath() =>
        Assert.Equal(ByteTilePaths.Instructions(ByteTilePaths.Supported[^1]), CpuArithmetic.Here.Instructions);

    [Fact]
    public void AdapterOfSomeLinears_LeavesTheOthersAsTheBaseHasThem()
    {
        using EngineFixture all = new(AdaptableSet.All, Precision.Fp32, Precision.Int8);
        using EdgeEngine fp32 = all.Load(), int8 = all.Load(s_int8);
        LoraAdapter adapter = all.Adapter(5, targets: [VitLinear.Key, VitLinear.Fc2]);
        float[] pixels = RandomValues.Normal(new Random(1), 3 * 32 * 32, 1);
        float[] expected = fp32.Evaluate(adapter, pixels, [1, 3, 32, 32], Cancellation), found = int8.Evaluate(adapter, pixels, [1, 3, 32, 32], Cancellation);
        Assert.InRange(Models.Closeness.Difference(expected, found), 1e-6, 0.25);
    }

    [Fact]
    public void BundleNotMeasuredInInt8_IsRefused_NotRunOnTrust()
    {
        using EdgeEngine engine = _fixture.Load(s_int8);
        EngineException refused = Assert.Throws<EngineException>(() => engine.Install(_fixture.Bundle("lung", 1)));
        Assert.Equal(EngineFault.Incompatible, refused.Fault);
        Assert.Contains("found no tolerance for int8", refused.Message, StringComparison.Ordinal);
        Assert.Null(engine.Find("lung"));
    }

    [Fact]
    public void ProbeBeyondTheInt8Tolerance_IsRefused()
    {
        using EdgeEngine engine = _fixture.Load(s_int8);
        Bundle strict = _fixture.Bundle("lung", 1, change: d => d with { Tolerance = new ProbeTolerance(1e-3, 1e-7) });
        Assert.Equal(EngineFault.ProbeFailed, Assert.Throws<EngineException>(() => engine.Install(strict)).Fault);
    }

    [Fact]
    public void NoPrecisionAskedFor_TakesWhatTheProcessorIsGoodAt_AndSaysWhy()
    {
        using EdgeEngine engine = _fixture.Load(new EdgeEngineOptions { Threads = 1, Precision = null });
        Assert.Equal(CpuArithmetic.Here.Instructions is null ? Precision.Fp32 : Precision.Int8, engine.Precision);
        Assert.Contains("processor", engine.PrecisionReason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, true, true, Precision.Int8, "dot")]
    [InlineData(true, true, false, Precision.Fp32, "no dot-product instructions")]
    [InlineData(true, false, true, Precision.Fp32, "the base has no int8 graph; the processor has dot products")]
    [InlineData(true, false, false, Precision.Fp32, "no int8 graph; the processor has no dot-product instructions")]
    [InlineData(false, true, true, Precision.Int8, "the base has no fp32 graph; the processor has dot products")]
    [InlineData(false, true, false, Precision.Int8, "the processor has no dot-product instructions (VNNI), so it will be slow")]
    public void Choice_FollowsTheGraphsAndTheProcessor_AndIsNeverFp16(bool hasFp32, bool hasInt8, bool hasDotProducts, Precision expected, string reason)
    {
        foreach (bool hasFp16 in (bool[])[false, true])
        {
            List<Precision> available = [];
            if (hasFp32) available.Add(Precision.Fp32);
            if (hasFp16) available.Add(Precision.Fp16);
            if (hasInt8) available.Add(Precision.Int8);
            CpuArithmetic processor = new(hasDotProducts ? "dot products" : null);
            (Precision precision, string why) = processor.Choose(available);
            Assert.Equal(expected, precision);
            Assert.Contains(reason, why, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void BaseOfFp16Alone_IsNotTakenByItself_OnlyByName()
    {
        Assert.Equal(Precision.Fp32, new CpuArithmetic("dot products").Choose([Precision.Fp16]).Precision); // which the base has not
        Assert.Equal((Precision.Fp16, "asked for, though a processor gains nothing by fp16; the processor has dot products"), new CpuArithmetic("dot products").Choose([Precision.Fp16], Precision.Fp16));
    }

    [Theory]
    [InlineData(true, Precision.Int8, "asked for; the processor has dot products")]
    [InlineData(false, Precision.Int8, "asked for; the processor has no dot-product instructions (VNNI), so it will be slow")]
    [InlineData(false, Precision.Fp32, "asked for; the processor has no dot-product instructions (VNNI)")]
    public void PrecisionAskedFor_IsTaken_AndTheProcessorNamedAllTheSame(bool hasDotProducts, Precision asked, string reason)
    {
        CpuArithmetic processor = new(hasDotProducts ? "dot products" : null);
        Assert.Equal((asked, reason), processor.Choose([Precision.Fp32, Precision.Int8], asked));
    }

    public void Dispose() => _fixture.Dispose();

    private Bundle Measured(string task, int seed) => _fixture.Bundle(task, seed, change: d => d with { Tolerance = new ProbeTolerance(1e-3, 0.25) });
}
