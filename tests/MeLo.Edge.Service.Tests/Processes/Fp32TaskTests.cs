using System.Net;
using System.Text.Json;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Processes;

/// <summary>A device that runs int8, with one bundle among others that demands fp32.</summary>
public sealed class Fp32TaskTests : IDisposable
{
    private static readonly (string, string) s_int8 = ("MELO__Precision", "int8"), s_refuse = ("MELO__Fp32Tasks", "refuse");
    private static readonly DemoTask s_exact = DemoTask.All[0];
    private static readonly DemoTask[] s_rounded = [.. DemoTask.All.Skip(1)];
    private readonly Installation _installation = new(withTasks: false, everyPrecision: true);

    public Fp32TaskTests()
    {
        try
        {
            using EdgeEngine engine = EdgeEngine.Load(_installation.Data.Base, new EdgeEngineOptions { Precision = Precision.Int8 });
        }
        catch (EngineException e) when (e.Fault == EngineFault.InvalidOptions)
        {
            Assert.Skip(e.Message);
        }
        _installation.AddBundle("exact", Installation.Bundle(s_exact, 1, d => d with { Precision = Precision.Fp32 }));
        foreach (DemoTask task in s_rounded) _installation.AddBundle(task.Name, Measured(task, 1));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _installation.Dispose();

    [Fact]
    public void TaskThatDemandsFp32_RunsInFp32_AndTheOthersInInt8()
    {
        for (int i = 0; i < 6; i++)
            foreach (DemoTask task in DemoTask.All) _installation.Drop(task.Name, $"{i}.png", Installation.Picture(i));
        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, [s_int8]);
        Assert.Equal((int)ExitCode.Done, code);
        Assert.Contains("18 results, 0 duplicates, 0 quarantined, 0 bundles refused", output, StringComparison.Ordinal);
        Assert.Contains($"Task {s_exact.Name} release 1 is active in fp32", errors, StringComparison.Ordinal);
        Assert.Contains($"Task {s_rounded[0].Name} release 1 is active in int8", errors, StringComparison.Ordinal);
        foreach (DemoTask task in DemoTask.All) Assert.All(Results(task), r => Assert.Equal(task == s_exact ? "fp32" : "int8", r.Precision));

        // The logits are those of a device that runs fp32 alone.
        using Installation fp32 = new(withTasks: false);
        fp32.AddBundle("exact", File.ReadAllBytes(Path.Combine(_installation.Data.Bundles, "exact.melo")));
        for (int i = 0; i < 6; i++) fp32.Drop(s_exact.Name, $"{i}.png", Installation.Picture(i));
        Assert.Equal((int)ExitCode.Done, ServiceProcess.Once(fp32.Data.Root).Code);
        Assert.Equal(Results(s_exact, fp32).Select(r => r.Scores), Results(s_exact).Select(r => r.Scores));
    }

    [Fact]
    public void DeviceThatRefusesFp32Tasks_RejectsTheBundle_AndTheOthersWork()
    {
        foreach (DemoTask task in DemoTask.All) _installation.Drop(task.Name, "x.png", Installation.Picture(1));
        (int code, string output, _) = ServiceProcess.Once(_installation.Data.Root, [s_int8, s_refuse]);
        Assert.Equal((int)ExitCode.StillWaiting, code);
        Assert.Contains("2 results, 0 duplicates, 0 quarantined, 1 bundles refused", output, StringComparison.Ordinal);
        Assert.Equal(["x.png"], _installation.Inbox(s_exact.Name)); // it waits
        using JsonDocument reason = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_installation.Data.Rejected, "exact.melo.reason.json")));
        JsonElement why = reason.RootElement.GetProperty("reason");
        Assert.Equal("precision-refused", why.GetProperty("code").GetString());
        Assert.Contains("found a bundle that demands fp32 on a device that runs int8", why.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_installation.Data.Rejected, "exact.melo")));

        // On a device that runs fp32 the setting refuses nothing.
        File.Move(Path.Combine(_installation.Data.Rejected, "exact.melo"), Path.Combine(_installation.Data.Bundles, "exact.melo"));
        Assert.Equal((int)ExitCode.Done, ServiceProcess.Once(_installation.Data.Root, [("MELO__Precision", "fp32"), s_refuse]).Code);
        Assert.Equal("fp32", Assert.Single(Results(s_exact)).Precision);
    }

    [Fact]
    public async Task Status_SaysOfEveryTaskWhichPrecisionItRunsIn_AndChangesTakeEffectWhileItRuns()
    {
        using ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: [s_int8, ("MELO__Port", "0")]);
        using HttpClient http = new() { BaseAddress = new Uri($"http://127.0.0.1:{service.WaitForPort()}") };
        service.WaitUntil(() => http.GetAsync("/health/ready", Cancellation).GetAwaiter().GetResult().StatusCode == HttpStatusCode.OK, "it was ready");
        using (JsonDocument status = JsonDocument.Parse(await http.GetStringAsync("/api/status", Cancellation)))
            Assert.Equal("int8", status.RootElement.GetProperty("model").GetProperty("precision").GetString());
        Assert.Equal(DemoTask.All.ToDictionary(t => t.Name, t => t == s_exact ? "fp32" : "int8"), await PrecisionsAsync(http));
        // The task's next release serves in int8: the last task of the fp32 graph goes, under work for the others.
        for (int i = 0; i < 20; i++) _installation.Drop(s_rounded[0].Name, $"{i}.png", Installation.Picture(i));
        _installation.AddBundle("second", Measured(s_exact, 2));
        service.WaitUntil(() => service.Errors.Contains($"Task {s_exact.Name} release 2 is active in int8", StringComparison.Ordinal), "the second release was active");
        Assert.All((await PrecisionsAsync(http)).Values, p => Assert.Equal("int8", p));
        _installation.Drop(s_exact.Name, "x.png", Installation.Picture(1));
        service.WaitUntil(() => _installation.Outbox(s_exact.Name).Length == 1 && _installation.Outbox(s_rounded[0].Name).Length == 20, "there were results");
        Assert.Equal("int8", Assert.Single(Results(s_exact)).Precision);
    }

    private static byte[] Measured(DemoTask task, int release) =>
        Installation.Bundle(task, release, d => d with { Tolerance = new ProbeTolerance(1e-3, 0.25) });

    private static async Task<Dictionary<string, string>> PrecisionsAsync(HttpClient http)
    {
        using JsonDocument status = JsonDocument.Parse(await http.GetStringAsync("/api/status", Cancellation));
        return status.RootElement.GetProperty("tasks").EnumerateArray().ToDictionary(t => t.GetProperty("task").GetString()!, t => t.GetProperty("precision").GetString()!);
    }

    private (string? Precision, string Scores)[] Results(DemoTask task, Installation? installation = null)
    {
        installation ??= _installation;
        return [.. installation.Outbox(task.Name).Select(name =>
        {
            using JsonDocument result = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(installation.Data.Outbox, task.Name, name)));
            return (result.RootElement.GetProperty("model").GetProperty("precision").GetString(), result.RootElement.GetProperty("scores").GetRawText());
        })];
    }
}
