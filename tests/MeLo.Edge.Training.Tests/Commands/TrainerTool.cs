using System.Diagnostics;
using AdapterTrainer;

namespace MeLo.Edge.Training.Tests.Commands;

/// <summary>Runs <c>adapter-trainer</c>: in this process, or in one of its own that a test can kill.</summary>
internal static class TrainerTool
{
    public static (int ExitCode, string Output, string Error) Run(params string[] arguments)
    {
        using StringWriter output = new(), error = new();
        int exitCode = TrainerProgram.RunAsync(arguments, output, error).GetAwaiter().GetResult();
        return (exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Runs it and expects it to do what was asked.</summary>
    public static string Done(params string[] arguments)
    {
        (int exitCode, string output, string error) = Run(arguments);
        Assert.True(exitCode == 0, $"exit code {exitCode}\n{output}\n{error}");
        return output;
    }

    public static Process Start(params string[] arguments)
    {
        ProcessStartInfo start = new(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet",
            [Path.Combine(AppContext.BaseDirectory, "adapter-trainer.dll"), .. arguments])
        {
            RedirectStandardError = true, RedirectStandardOutput = true,
        };
        return Process.Start(start)!;
    }
}
