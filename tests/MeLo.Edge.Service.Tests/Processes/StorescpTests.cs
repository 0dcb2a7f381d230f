using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using MeLo.Edge.Dicom;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Processes;

/// <summary>DCMTK's receiver as <c>install/melo-edge-storescp.service</c> starts it, with a modality (<c>echoscu</c>, <c>storescu</c>) on one side and the service on the other.</summary>
public sealed class StorescpTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly Installation _installation = new(withTasks: false);

    public void Dispose() => _installation.Dispose();

    [Fact]
    public async Task ImageThatAModalitySends_IsAnswered()
    {
        if (!File.Exists("/usr/bin/storescp") || !File.Exists("/usr/bin/storescu")) Assert.Skip("needs storescp and storescu of DCMTK");
        DemoTask task = DemoTask.All[0];
        _installation.AddBundle(task.Name, Installation.Bundle(task, 1, d => d with { Input = d.Input with { Dicom = DicomVoi.Range } }));
        string unit = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "src", "MeLo.Edge.Service", "install", "melo-edge-storescp.service"));
        int port = FreePort();
        // A file of an earlier life, which the unit moves before it starts.
        Directory.CreateDirectory(Path.Combine(_installation.Data.Root, "incoming"));
        File.WriteAllBytes(Path.Combine(_installation.Data.Root, "incoming", "left.dcm"), Image(2));
        foreach (string line in Lines("ExecStartPre=")) Assert.Equal(0, await RunAsync("/bin/sh", "-c", line));
        using Process receiver = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exec " + Lines("ExecStart=").Single()]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        try
        {
            await UntilAsync(async () => await RunAsync("echoscu", "-aec", "MELO_EDGE", "localhost", $"{port}") == 0);
            using TemporaryFolder folder = new();
            File.WriteAllBytes(folder["sent.dcm"], Image(1));
            Assert.Equal(0, await RunAsync("storescu", "-aec", "MELO_EDGE", "localhost", $"{port}", folder["sent.dcm"]));
            await UntilAsync(() => Task.FromResult(_installation.Inbox("dicom").Length == 2));
            Assert.Empty(Directory.GetFiles(Path.Combine(_installation.Data.Root, "incoming")));
        }
        finally
        {
            receiver.Kill(entireProcessTree: true);
        }

        (int code, string output, _) = ServiceProcess.Once(_installation.Data.Root, [("MELO__ROUTES__0__MODALITY", "OT"), ("MELO__ROUTES__0__TASKS", task.Name)]);

        Assert.Equal((int)ExitCode.Done, code);
        Assert.Contains("2 results, 0 duplicates, 0 quarantined", output, StringComparison.Ordinal);

        IEnumerable<string> Lines(string key) => unit.Split('\n').Where(l => l.StartsWith(key, StringComparison.Ordinal))
            .Select(l => l[key.Length..].Replace("/var/lib/melo", _installation.Data.Root, StringComparison.Ordinal).Replace(" 11112", $" {port}", StringComparison.Ordinal));
    }

    private static byte[] Image(int number) => TestDicom.Gray(24, 20, [.. Enumerable.Range(0, 24 * 20).Select(i => (short)(i * number))], more: d =>
        d.Text(0x00080060, "CS", "OT").Text(0x0020000D, "UI", "1.2.9").Text(0x0020000E, "UI", "1.2.8")).File();

    private static int FreePort()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Any, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (long start = Stopwatch.GetTimestamp(); !await condition(); await Task.Delay(100, TestContext.Current.CancellationToken))
            Assert.True(Stopwatch.GetElapsedTime(start) < s_patience, "it did not happen");
    }

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await Task.WhenAll(output, errors);
        return process.ExitCode;
    }
}
