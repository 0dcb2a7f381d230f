using System.Text.Json;
using MeLo.Edge.Bundles;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Processes;

/// <summary>A device that is set to fp16, which a processor computes too.</summary>
public sealed class Fp16Tests
{
    [Fact]
    public void Fp16_RunsWhereItIsAskedFor_AndNotWhatWasNotMeasuredInIt()
    {
        using Installation installation = new(withTasks: false, everyPrecision: true);
        DemoTask measured = DemoTask.All[0], unmeasured = DemoTask.All[1];
        installation.AddBundle("measured", Installation.Bundle(measured, 1, d => d with { Tolerance = new ProbeTolerance(1e-3, Fp16: 0.05) }));
        installation.AddBundle("unmeasured", Installation.Bundle(unmeasured, 1, d => d with { Tolerance = new ProbeTolerance(1e-3, Int8: 0.15) }));
        for (int i = 0; i < 3; i++) installation.Drop(measured.Name, $"{i}.png", Installation.Picture(i));
        (int code, string output, string errors) = ServiceProcess.Once(installation.Data.Root, [("MELO__Precision", "fp16")]);
        Assert.Equal((int)ExitCode.Done, code);
        Assert.Contains("3 results, 0 duplicates, 0 quarantined, 1 bundles refused", output, StringComparison.Ordinal);
        Assert.Contains($"Task {measured.Name} release 1 is active in fp16", errors, StringComparison.Ordinal);
        Assert.Contains("asked for, though a processor gains nothing by fp16", errors, StringComparison.Ordinal);
        Assert.All(installation.Outbox(measured.Name), name =>
        {
            using JsonDocument result = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(installation.Data.Outbox, measured.Name, name)));
            Assert.Equal("fp16", result.RootElement.GetProperty("model").GetProperty("precision").GetString());
        });
        using JsonDocument reason = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(installation.Data.Rejected, "unmeasured.melo.reason.json")));
        Assert.Equal("incompatible", reason.RootElement.GetProperty("reason").GetProperty("code").GetString());
        Assert.Contains("found no tolerance for fp16", reason.RootElement.GetProperty("reason").GetProperty("message").GetString(), StringComparison.Ordinal);
    }
}
