using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace MeLo.Edge.Tests;

/// <summary>The real program in a process of its own.</summary>
internal sealed partial class ServiceProcess : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90); // for a machine that is busy with other things

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _errors = new();

    private ServiceProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, e) => Keep(_output, e.Data);
        process.ErrorDataReceived += (_, e) => Keep(_errors, e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public string Output => string.Join('\n', _output);

    public string Errors => string.Join('\n', _errors);

    /// <summary>Starts the service with quick scans and, unless said otherwise, on the CPU and without HTTP.</summary>
    public static ServiceProcess Start(string data, string[]? arguments = null, (string Key, string Value)[]? environment = null, string[]? through = null, string? program = null)
    {
        string dotnet = Environment.ProcessPath is string path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        string[] command = [.. through ?? [], dotnet, Path.Combine(program ?? AppContext.BaseDirectory, "MeLo.Edge.Service.dll"), "--data", data, .. arguments ?? []];
        ProcessStartInfo start = new(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["MELO__ScanIntervalMs"] = "200";
        start.Environment["MELO__StableIntervalMs"] = "50";
        start.Environment["MELO__MinFreeMegabytes"] = "0";
        start.Environment["MELO__Port"] = "off";
        start.Environment["MELO__Provider"] = "cpu"; // the same on every machine; what is about providers says which
        start.Environment["DOTNET_TieredPGO"] = "0";
        foreach ((string key, string value) in environment ?? []) start.Environment[key] = value;
        return new ServiceProcess(Process.Start(start)!);
    }

    /// <summary>Runs the service with <c>--once</c> to its end.</summary>
    public static (int Code, string Output, string Errors) Once(
        string data, (string Key, string Value)[]? environment = null, string[]? arguments = null, string[]? through = null, string? program = null)
    {
        using ServiceProcess service = Start(data, ["--once", .. arguments ?? []], environment, through, program);
        int code = service.WaitForExit();
        return (code, service.Output, service.Errors);
    }

    /// <summary>SIGKILL: what a power failure or the kernel's memory killer is to a process.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>SIGTERM: what a service manager sends to stop a service.</summary>
    public void Terminate() => Signal("TERM");

    /// <summary>SIGHUP: what a terminal sends when it closes.</summary>
    public void HangUp() => Signal("HUP");

    /// <summary>SIGSTOP: time goes on, the process does not, until <see cref="Resume"/>.</summary>
    public void Suspend() => Signal("STOP");

    public void Resume() => Signal("CONT");

    private void Signal(string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    public int WaitForExit()
    {
        Assert.True(_process.WaitForExit(Patience), $"the service did not end\n{Output}\n{Errors}");
        _process.WaitForExit(); // the rest of the output
        return _process.ExitCode;
    }

    /// <summary>Waits until something is so.</summary>
    public void WaitUntil(Func<bool> condition, string what)
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.False(_process.HasExited, $"the service ended before {what}\n{Output}\n{Errors}");
            Assert.True(waited.Elapsed < Patience, $"gave up waiting for {what}\n{Output}\n{Errors}");
            Thread.Sleep(5);
        }
    }

    public void WaitForExitOr(TimeSpan time) => _process.WaitForExit(time);

    public int WaitForPort()
    {
        int port = 0;
        WaitUntil(() => PortLine().Match(Errors) is { Success: true } match && int.TryParse(match.Groups[1].Value, CultureInfo.InvariantCulture, out port), "it listened");
        return port;
    }

    public void Dispose()
    {
        if (!_process.HasExited) Kill();
        _process.Dispose();
    }

    private static void Keep(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null) lines.Enqueue(line);
    }

    [GeneratedRegex("Listening on http://127.0.0.1:([0-9]+)")]
    private static partial Regex PortLine();
}
