namespace AdapterPacker.Tests;

/// <summary>Runs the real program, as a process, and openssl beside it.</summary>
internal static class Packer
{
    private static string Program => ToolProcess.Beside("adapter-packer");

    public static ProgramResult Run(params string[] arguments) => ToolProcess.Run(Program, arguments);

    /// <summary>Runs it as if the processor had none of an instruction set, as .NET names it, and of what builds on that.</summary>
    public static ProgramResult RunWithout(string instructions, params string[] arguments) => ToolProcess.Run(Program, arguments, ($"DOTNET_Enable{instructions}", "0"));

    /// <summary>Runs the program's own code in this process: for what ends before any work begins, many times.</summary>
    public static async Task<ProgramResult> RunHereAsync(params string[] arguments)
    {
        await using StringWriter output = new(), error = new();
        int code = await PackerProgram.RunAsync(arguments, output, error);
        return new ProgramResult(code, output.ToString(), error.ToString());
    }

    /// <summary>Runs the program and expects exit code 0 and a silent stderr.</summary>
    public static string Done(params string[] arguments)
    {
        ProgramResult result = Run(arguments);
        Assert.True(result is { ExitCode: 0, Error: "" }, $"adapter-packer {string.Join(' ', arguments)}: exit code {result.ExitCode}, {result.Error}");
        return result.Output;
    }

    /// <summary>Runs the program and expects exit code 1, and one line on stderr that has the reason.</summary>
    public static ProgramResult Refused(string reason, params string[] arguments)
    {
        ProgramResult result = Run(arguments);
        Assert.True(result.ExitCode == 1, $"exit code {result.ExitCode}: {result.Error}");
        string line = Assert.Single(result.ErrorLines);
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.Contains(reason, line, StringComparison.Ordinal);
        return result;
    }

    /// <summary>Runs openssl; skips the test where there is none.</summary>
    public static ProgramResult OpenSsl(params string[] arguments)
    {
        try
        {
            return ToolProcess.Run("openssl", arguments);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("needs openssl");
            throw;
        }
    }
}
