using AdapterTrainer;

namespace MeLo.Edge.Training.Tests.Commands;

/// <summary>Runs the real program.</summary>
internal static class Trainer
{
    /// <summary>As a process.</summary>
    public static ProgramResult Run(params string[] arguments) => ToolProcess.Run(ToolProcess.Beside("adapter-trainer"), arguments);

    /// <summary>Its own code in this process: for what ends soon, many times.</summary>
    public static async Task<ProgramResult> RunHereAsync(params string[] arguments)
    {
        await using StringWriter output = new(), error = new();
        int code = await TrainerProgram.RunAsync(arguments, output, error);
        return new ProgramResult(code, output.ToString(), error.ToString());
    }
}
