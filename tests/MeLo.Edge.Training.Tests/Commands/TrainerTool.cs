using System.Diagnostics;
using AdapterTrainer;

namespace MeLo.Edge.Training.Tests.Commands;

/// <summary>Runs <c>adapter-trainer</c>: its own code in this process, or as a process.</summary>
internal static class TrainerTool
{
    public static async Task<ProgramResult> RunHereAsync(params string[] arguments)
    {
        await using StringWriter output = new(), error = new();
        int code = await TrainerProgram.RunAsync(arguments, output, error);
        return new ProgramResult(code, output.ToString(), error.ToString());
    }

    public static ProgramResult Run(params string[] arguments) => RunHereAsync(arguments).GetAwaiter().GetResult();

    /// <summary>Runs it and expects it to do what was asked.</summary>
    public static string Done(params string[] arguments)
    {
        ProgramResult result = Run(arguments);
        Assert.True(result.ExitCode == 0, $"exit code {result.ExitCode}\n{result.Output}\n{result.Error}");
        return result.Output;
    }

    public static ProgramResult RunProcess(params string[] arguments) => ToolProcess.Run(ToolProcess.Beside("adapter-trainer"), arguments);

    /// <summary>A process that a test can kill.</summary>
    public static Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo(ToolProcess.Beside("adapter-trainer"), arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
}
