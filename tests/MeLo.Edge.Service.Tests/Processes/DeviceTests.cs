using System.Net;
using System.Text.Json;
using MeLo.Edge.Bundles;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Processes;

/// <summary>The service with its model on a device: WebGPU on a software driver, which a test can have run out of memory or lose.</summary>
[Collection(nameof(DeviceTests))]
[CollectionDefinition(nameof(DeviceTests), DisableParallelization = true)]
public sealed class DeviceTests : IDisposable
{
    private static readonly (string, string) s_webGpu = ("MELO__Provider", "webgpu");

    private readonly Installation _installation = new();
    private readonly Dictionary<string, string> _dropped = [];

    public void Dispose() => _installation.Dispose();

    [Fact]
    public void QueueOfManyTasks_IsAnsweredOnTheDevice_AsOnTheHost()
    {
        VulkanDriver.RequireSoftware();
        using Installation host = new();
        for (int i = 0; i < 9; i++)
        {
            Settlement.Drop(_installation, _dropped, i);
            Settlement.Drop(host, [], i);
        }
        using (OutboxWatcher watcher = new(_installation.Data))
        {
            (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, [s_webGpu, .. VulkanDriver.Software]);
            Assert.True(code == (int)ExitCode.Done, $"{code}\n{output}\n{errors}");
            Settlement.AssertSettled(_installation, _dropped, watcher);
        }
        Assert.Equal((int)ExitCode.Done, ServiceProcess.Once(host.Data.Root).Code);
        foreach (string task in Installation.Tasks)
        {
            Assert.Equal(host.Outbox(task), _installation.Outbox(task));
            foreach (string name in host.Outbox(task))
            {
                (string provider, float[] logits) = Result(_installation, task, name);
                Assert.Equal("webgpu", provider);
                float[] expected = Result(host, task, name).Logits;
                Assert.All(expected.Zip(logits), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));
            }
        }
    }

    [Fact]
    public void BaseWithAnFp16Graph_IsRunInFp16_OnADeviceThatHasIt()
    {
        VulkanDriver.RequireSoftwareHalf();
        using Installation installation = new(withTasks: false, everyPrecision: true);
        DemoTask task = DemoTask.All[0];
        installation.AddBundle("measured", Installation.Bundle(task, 1, d => d with { Tolerance = new ProbeTolerance(1e-3, Fp16: 0.05) }));
        for (int i = 0; i < 3; i++) installation.Drop(task.Name, $"{i}.png", Installation.Picture(i));
        (int code, string output, string errors) = ServiceProcess.Once(installation.Data.Root, [s_webGpu, .. VulkanDriver.Software], ["--strict"]);
        Assert.True(code == (int)ExitCode.Done, $"{code}\n{output}\n{errors}");
        Assert.Contains("3 results, 0 duplicates, 0 quarantined, 0 bundles refused", output, StringComparison.Ordinal);
        Assert.Contains($"Task {task.Name} release 1 is active in fp16", errors, StringComparison.Ordinal);
        Assert.Matches("the base has an fp16 graph and .+ computes in it", errors);
        Assert.All(installation.Outbox(task.Name), name => Assert.Equal("webgpu", Result(installation, task.Name, name).Provider));
    }

    [Fact]
    public void LostDevice_EndsTheProcess_AndLosesNoImage()
    {
        using FaultyVulkanDriver driver = FaultyVulkanDriver.Create();
        using OutboxWatcher watcher = new(_installation.Data);
        for (int i = 0; i < 10; i++) Settlement.Drop(_installation, _dropped, i);
        using (ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: [s_webGpu, .. driver.Environment]))
        {
            service.WaitUntil(() => watcher.Count >= 1, "there was a result");
            driver.IsLost = true;
            Settlement.Drop(_installation, _dropped, 10);
            Assert.Equal((int)ExitCode.DeviceLost, service.WaitForExit());
            Assert.Contains("error: ", service.Errors, StringComparison.Ordinal);
            Assert.Contains("the device is lost", service.Errors, StringComparison.Ordinal);
            // The log's last line is not lost with the process.
            Assert.Contains("The process ends, for a fresh one to take the device: ", service.Errors, StringComparison.Ordinal);
        }
        driver.IsLost = false; // the driver has reset it
        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, [s_webGpu, .. driver.Environment]);
        Assert.True(code == (int)ExitCode.Done, $"{code}\n{output}\n{errors}");
        Settlement.AssertSettled(_installation, _dropped, watcher);
    }

    [Fact]
    public async Task LostDevice_IsNotReady_FromTheFirstRequestThatMetIt()
    {
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        using FaultyVulkanDriver driver = FaultyVulkanDriver.Create();
        using ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: [s_webGpu, ("MELO__Port", "0"), .. driver.Environment]);
        using HttpClient http = new() { BaseAddress = new Uri($"http://127.0.0.1:{service.WaitForPort()}") };
        service.WaitUntil(() => http.GetAsync("/health/ready", cancelled).GetAwaiter().GetResult().IsSuccessStatusCode, "it was ready");
        driver.IsLost = true;
        Assert.True((await http.GetAsync("/health/ready", cancelled)).IsSuccessStatusCode); // nothing has used the device, nobody knows
        HttpStatusCode refused = (await http.PostAsync($"/api/tasks/{Installation.Tasks[0]}/predict", new ByteArrayContent(Installation.Picture(1)), cancelled)).StatusCode;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused);
        try
        {
            // Until the process ends, within a second.
            while (true)
            {
                using HttpResponseMessage health = await http.GetAsync("/health/ready", cancelled);
                Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
                Assert.Contains("\"device\"", await health.Content.ReadAsStringAsync(cancelled), StringComparison.Ordinal);
            }
        }
        catch (HttpRequestException)
        {
            Assert.Equal((int)ExitCode.DeviceLost, service.WaitForExit());
        }
    }

    [Theory]
    [InlineData(0)] // the graph of one operator that shows whether the provider starts
    [InlineData(9)] // the first task's self-test, in which Dawn itself finds no memory, and gives up the device
    public void DeviceWithoutMemoryAtTheStart_EndsTheProcessWithWhatItLacks(int megabytes)
    {
        using FaultyVulkanDriver driver = FaultyVulkanDriver.Create();
        driver.DeviceBytes = (long)megabytes << 20;
        (int code, string output, string errors) = ServiceProcess.Once(_installation.Data.Root, [s_webGpu, .. driver.Environment]);
        Assert.True(code == (int)ExitCode.Provider, $"{code}\n{output}\n{errors}");
        string error = Assert.Single(errors.Split('\n'), l => l.StartsWith("error: provider webgpu: ", StringComparison.Ordinal));
        Assert.Contains("no memory left", error, StringComparison.Ordinal);
        Assert.Contains("no GPU)", error, StringComparison.Ordinal); // the device's name
        Assert.Contains("end what else uses the device", error, StringComparison.Ordinal);
    }

    [Fact]
    public void DeviceWithoutMemory_FailsItsImagesClearly_AndTheServiceLivesOn()
    {
        using FaultyVulkanDriver driver = FaultyVulkanDriver.Create();
        string task = Installation.Tasks[0];
        using ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: [s_webGpu, .. driver.Environment]);
        _installation.Drop(task, "before.png", Installation.Picture(1));
        service.WaitUntil(() => _installation.Outbox(task).Length == 1, "there was a result");
        driver.DeviceBytes = 0;
        driver.HostBytes = 0;
        // More than one at once, so that a run needs memory that the device has not handed out before.
        for (int i = 0; i < 4; i++) _installation.Drop(task, $"full-{i}.png", Installation.Picture(10 + i));
        service.WaitUntil(() => _installation.Quarantine(task).Length > 0, "an image was quarantined");
        driver.DeviceBytes = null;
        driver.HostBytes = null;
        string reason = _installation.Quarantine(task).First(n => n.EndsWith(".reason.json", StringComparison.Ordinal));
        Assert.Contains("memory", File.ReadAllText(Path.Combine(_installation.Data.Quarantine, task, reason)), StringComparison.Ordinal);
        _installation.Drop(task, "after.png", Installation.Picture(2));
        service.WaitUntil(() => _installation.Processed(task).Contains("after.png"), "there was a result again");
        service.Terminate();
        Assert.Equal((int)ExitCode.Done, service.WaitForExit());
    }

    [Fact]
    public void KilledWhileTheDeviceWorks_EveryImageHasExactlyOneResult()
    {
        VulkanDriver.RequireSoftware();
        using OutboxWatcher watcher = new(_installation.Data);
        for (int i = 0; i < 16; i++) Settlement.Drop(_installation, _dropped, i);
        foreach (int goal in (int[])[1, 5])
        {
            using ServiceProcess service = ServiceProcess.Start(_installation.Data.Root, environment: [s_webGpu, .. VulkanDriver.Software]);
            service.WaitUntil(() => watcher.Count >= goal, $"there were {goal} results");
            service.Kill();
        }
        Assert.Equal((int)ExitCode.Done, ServiceProcess.Once(_installation.Data.Root, [s_webGpu, .. VulkanDriver.Software]).Code);
        Settlement.AssertSettled(_installation, _dropped, watcher);
    }

    private static (string Provider, float[] Logits) Result(Installation installation, string task, string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(installation.Data.Outbox, task, name)));
        return (document.RootElement.GetProperty("model").GetProperty("provider").GetString()!,
            [.. document.RootElement.GetProperty("scores").EnumerateArray().Select(s => s.GetProperty("logit").GetSingle())]);
    }
}
