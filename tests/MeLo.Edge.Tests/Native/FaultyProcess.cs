using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace MeLo.Edge.Tests.Native;

/// <summary>Tests that need a driver of their own: Vulkan is loaded once in a process, and a lost device is lost to all of it.</summary>
internal static class FaultyProcess
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3); // for a machine that is busy with other things

    /// <summary>Runs the body of a test in a process whose GPU fails when told to: this one, if it is that process; else one that runs the same test.</summary>
    /// <param name="test">The body.</param>
    /// <param name="type">The test's class.</param>
    /// <param name="name">The test's method.</param>
    public static void Run(Action<FaultyVulkanDriver> test, Type type, [CallerMemberName] string name = "")
    {
        if (FaultyVulkanDriver.OfThisProcess is { } ours) test(ours);
        else RunAgain($"{type.FullName}.{name}");
    }

    private static void RunAgain(string method)
    {
        using FaultyVulkanDriver driver = FaultyVulkanDriver.Create();
        string dotnet = Environment.ProcessPath is string path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        ProcessStartInfo start = new(dotnet, [typeof(FaultyProcess).Assembly.Location, "-method", method, "-failSkips", "-noColor", "-noLogo"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string key, string value) in driver.Environment) start.Environment[key] = value;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(s_patience);
        if (!ended) process.Kill(entireProcessTree: true);
        string report = $"{output.GetAwaiter().GetResult()}\n{errors.GetAwaiter().GetResult()}";
        Assert.True(ended, $"the process did not end in {s_patience}\n{report}");
        Assert.True(process.ExitCode == 0, $"exit code {process.ExitCode}\n{report}");
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", report, StringComparison.Ordinal);
    }
}
