using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Engine;

/// <summary>In fp16: the same within what such a device rounds, the merge rounded once, and bundles held to their stated tolerance.</summary>
public sealed class Fp16DeviceEngineTests(DeviceFixture fixture) : DeviceEngineContract(fixture, ElementType.F16, tolerance: 2e-2)
{
    private readonly DeviceFixture _fixture = fixture;

    private static EdgeEngineOptions Options(Precision? precision) => new() { Provider = ExecutionProvider.WebGpu, Precision = precision, Threads = 1, Strict = true };

    [Fact]
    public async Task BundleWithATolerance_IsProbedInstalledAndPredictedInFp16_LeftToChoose()
    {
        using EdgeEngine engine = Load(Options(precision: null)), host = _fixture.Load();
        Assert.Equal(Precision.Fp16, engine.Precision);
        Assert.Matches("^the base has an fp16 graph and .+ computes in it$", engine.PrecisionReason);
        Bundle bundle = Bundle("lung", seed: 1);
        InstalledTask task = engine.Install(bundle);
        host.Install(bundle);
        Assert.InRange(task.ProbeDifference, 1e-6, 0.02);
        Prediction found = await engine.PredictAsync("lung", EngineFixture.Picture(1), TestContext.Current.CancellationToken);
        Prediction expected = await host.PredictAsync("lung", EngineFixture.Picture(1), TestContext.Current.CancellationToken);
        Assert.Equal((ExecutionProvider.WebGpu, Precision.Fp16), (found.Provider, found.Precision));
        Assert.InRange(Models.Closeness.Difference([.. expected.Scores.Select(s => s.Logit)], [.. found.Scores.Select(s => s.Logit)]), 1e-6, 0.02); // close, and not the same
    }

    [Fact]
    public void BundleBeyondItsTolerance_OrWithoutOne_IsRefused()
    {
        using EdgeEngine engine = Load();
        EngineException strict = Assert.Throws<EngineException>(() => engine.Install(_fixture.Bundle("strict", 1, change: d => d with { Tolerance = new ProbeTolerance(1e-3, Fp16: 1e-7) })));
        EngineException unmeasured = Assert.Throws<EngineException>(() => engine.Install(_fixture.Bundle("unmeasured", 1)));
        Assert.Equal((EngineFault.ProbeFailed, EngineFault.Incompatible), (strict.Fault, unmeasured.Fault));
        Assert.Contains("expected at most 1E-07 in fp16", strict.Message, StringComparison.Ordinal);
        Assert.Contains("found no tolerance for fp16", unmeasured.Message, StringComparison.Ordinal);
    }
}
