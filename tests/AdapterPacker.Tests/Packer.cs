using System.Diagnostics;

namespace AdapterPacker.Tests;

/// <summary>What a run of a program left behind.</summary>
internal sealed record ProgramResult(int ExitCode, string Output, string Error)
{
    /// <summary>The lines of stderr.</summary>
    public string[] ErrorLines => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Runs the real program, as a process, and openssl beside it.</summary>
internal static class Packer
{
    // A run on micro models takes under a second; a hung one must not hang the tests.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private static string Program => Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "adapter-packer.exe" : "adapter-packer");

    public static ProgramResult Run(params string[] arguments) => Start(Program, arguments);

    /// <summary>Runs it as if the processor had none of an instruction set, as .NET names it, and of what builds on that.</summary>
    public static ProgramResult RunWithout(string instructions, params string[] arguments) => Start(Program, arguments, ($"DOTNET_Enable{instructions}", "0"));

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
            return Start("openssl", arguments);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("needs openssl");
            throw;
        }
    }

    private static ProgramResult Start(string program, string[] arguments, (string Key, string Value)? variable = null)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        if (variable is { } set) start.Environment[set.Key] = set.Value;
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end");
        }
        return new ProgramResult(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }
}
