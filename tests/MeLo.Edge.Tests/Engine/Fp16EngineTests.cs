using System.Security.Cryptography;
using System.Text.Json.Nodes;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Engine;

/// <summary>The same bundles on the fp16 graph, by the processor: close to fp32, the same bits whatever ran before, and only where their maker measured it.</summary>
public sealed class Fp16EngineTests : IDisposable
{
    private static readonly EdgeEngineOptions s_fp16 = new() { Threads = 2, Precision = Precision.Fp16 };
    private readonly EngineFixture _fixture = new(AdaptableSet.QueryValue, Precision.Fp32, Precision.Fp16);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Predict_IsCloseToFp32_AndSaysItsPrecision()
    {
        using EdgeEngine fp32 = _fixture.Load(), fp16 = _fixture.Load(s_fp16);
        Assert.StartsWith("asked for, though a processor gains nothing by fp16; the processor has ", fp16.PrecisionReason, StringComparison.Ordinal);
        Bundle bundle = Measured("lung", 1);
        InstalledTask exact = fp32.Install(bundle), rounded = fp16.Install(bundle);
        Assert.InRange(rounded.ProbeDifference, 1e-6, 0.01);
        for (int i = 0; i < 4; i++)
        {
            Prediction expected = await PredictAsync(fp32, exact, i), found = await PredictAsync(fp16, rounded, i);
            Assert.Equal((Precision.Fp32, Precision.Fp16), (expected.Precision, found.Precision));
            // Close, and not the same: it is another arithmetic.
            Assert.InRange(Models.Closeness.Difference(Logits(expected), Logits(found)), 1e-6, 0.01);
        }
    }

    [Fact]
    public async Task TaskAfterOthers_GivesTheBitsOfAFreshEngine()
    {
        Bundle a = Measured("a", 1), b = Measured("b", 2);
        using EdgeEngine used = _fixture.Load(s_fp16 with { CacheBytes = 0 });
        InstalledTask first = used.Install(a), second = used.Install(b);
        for (int i = 0; i < 3; i++)
        {
            await PredictAsync(used, first, 3);
            await PredictAsync(used, second, 3);
        }
        float[] again = Logits(await PredictAsync(used, first, 3));
        using EdgeEngine fresh = _fixture.Load(s_fp16);
        Assert.Equal(Logits(await PredictAsync(fresh, fresh.Install(a), 3)), again);
        Assert.NotEqual(Logits(await PredictAsync(used, second, 3)), again);
    }

    [Fact]
    public void CachedTask_TakesHalfTheMemory()
    {
        using EdgeEngine engine = _fixture.Load(s_fp16);
        engine.Install(Measured("a", 1));
        Assert.Equal(_fixture.TaskBytes / 2, engine.Statistics.CacheBytes);
    }

    [Fact]
    public void AdapterOfSomeLinears_LeavesTheOthersAsTheBaseHasThem()
    {
        using EngineFixture all = new(AdaptableSet.All, Precision.Fp32, Precision.Fp16);
        using EdgeEngine fp32 = all.Load(), fp16 = all.Load(s_fp16);
        LoraAdapter adapter = all.Adapter(5, targets: [VitLinear.Key, VitLinear.Fc2]);
        float[] pixels = RandomValues.Normal(new Random(1), 3 * 32 * 32, 1);
        float[] expected = fp32.Evaluate(adapter, pixels, [1, 3, 32, 32], Cancellation), found = fp16.Evaluate(adapter, pixels, [1, 3, 32, 32], Cancellation);
        Assert.InRange(Models.Closeness.Difference(expected, found), 1e-6, 0.01);
    }

    [Fact]
    public void BundleNotMeasuredInFp16_IsRefused_NotRunOnTrust()
    {
        using EdgeEngine engine = _fixture.Load(s_fp16);
        Bundle int8Only = _fixture.Bundle("lung", 1, change: d => d with { Tolerance = new ProbeTolerance(1e-3, Int8: 0.15) });
        EngineException refused = Assert.Throws<EngineException>(() => engine.Install(int8Only));
        Assert.Equal(EngineFault.Incompatible, refused.Fault);
        Assert.Contains("found no tolerance for fp16", refused.Message, StringComparison.Ordinal);
        Assert.Null(engine.Find("lung"));
    }

    [Fact]
    public void ProbeBeyondTheFp16Tolerance_IsRefused()
    {
        using EdgeEngine engine = _fixture.Load(s_fp16);
        Bundle strict = _fixture.Bundle("lung", 1, change: d => d with { Tolerance = new ProbeTolerance(1e-3, Fp16: 1e-7) });
        EngineException refused = Assert.Throws<EngineException>(() => engine.Install(strict));
        Assert.Equal(EngineFault.ProbeFailed, refused.Fault);
        Assert.Contains("expected at most 1E-07 in fp16", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BundleThatDemandsFp32_RunsOnTheFp32GraphBeside_WithItsBits()
    {
        Bundle demanding = _fixture.Bundle("exact", 1, change: d => d with { Precision = Precision.Fp32 });
        using EdgeEngine fp32 = _fixture.Load(), fp16 = _fixture.Load(s_fp16);
        InstalledTask alone = fp32.Install(demanding), beside = fp16.Install(demanding);
        Assert.Equal(Precision.Fp32, beside.Precision);
        Assert.Equal(Logits(await PredictAsync(fp32, alone, 1)), Logits(await PredictAsync(fp16, beside, 1)));
        using EdgeEngine strict = _fixture.Load(s_fp16 with { Fp32Tasks = Fp32TaskPolicy.Refuse });
        Assert.Contains("on a device that runs fp16", Assert.Throws<EngineException>(() => strict.Install(demanding)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MergeBeyondWhatFp16Holds_ShowsInTheProbe_AndTheBundleIsRefused()
    {
        // A merged weight of some 10^6 where fp32 still gives numbers.
        LoraAdapter fits = _fixture.Adapter(1);
        LoraAdapter tooLarge = new(fits.Scale, [.. fits.Pairs.Select(p => new LoraPair(p.Target, p.Rank, p.InFeatures, p.OutFeatures, [.. p.A.Select(a => a * 1e6f)], p.B))], fits.Head);
        using EdgeEngine engine = _fixture.Load(s_fp16);
        EngineException refused = Assert.Throws<EngineException>(() => engine.Install(Measured("lung", 1, tooLarge)));
        Assert.Equal(EngineFault.ProbeFailed, refused.Fault);
    }

    [Theory]
    [InlineData(Precision.Fp32, @"F32 \[64,64\], expected F16 \[64,64\]")]
    [InlineData(Precision.Int8, @"U8 \[\d+,\d+\], expected F16 \[64,64\]")]
    public void GraphOfAnotherPrecision_IsRefusedByTheTypeOfItsInputs(Precision other, string found)
    {
        // Right by every hash, but another graph goes by the name.
        using EngineFixture every = new(AdaptableSet.QueryValue, Precision.Fp32, Precision.Fp16, Precision.Int8);
        string json = Path.Combine(every.BaseFolder, "base.json"), graph = Path.Combine(every.BaseFolder, "model.fp16.onnx");
        File.Copy(Path.Combine(every.BaseFolder, $"model.{other.Name()}.onnx"), graph, overwrite: true);
        JsonNode root = JsonNode.Parse(File.ReadAllText(json))!;
        root["graphs"]!.AsArray().Single(g => g!["precision"]!.GetValue<string>() == "fp16")!["sha256"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(graph)));
        File.WriteAllText(json, root.ToJsonString());
        Assert.Matches($@"found a graph with the input 'layers\.0\.query\.weight' of {found}", Assert.Throws<EngineException>(() => every.Load(s_fp16)).Message);
    }

    private Bundle Measured(string task, int seed, LoraAdapter? adapter = null) =>
        _fixture.Bundle(task, seed, adapter: adapter, change: d => d with { Tolerance = new ProbeTolerance(1e-3, Fp16: 0.05) });

    private static Task<Prediction> PredictAsync(EdgeEngine engine, InstalledTask task, int picture) =>
        engine.PredictAsync(task, engine.Prepare(task, EngineFixture.Picture(picture)), Cancellation);

    private static float[] Logits(Prediction prediction) => [.. prediction.Scores.Select(s => s.Logit)];
}
