using System.ComponentModel;
using System.Diagnostics;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>A program of the machine, as an independent judge; the test skips where it is not installed.</summary>
internal static class Tool
{
    /// <summary>Runs it and returns its standard output.</summary>
    /// <param name="name">The program; the running test skips when there is none of that name.</param>
    /// <param name="folder">Where it runs.</param>
    /// <param name="arguments">Its arguments.</param>
    public static string Run(string name, string folder, params string[] arguments) => Run(new ProcessStartInfo(name, arguments) { WorkingDirectory = folder });

    /// <inheritdoc cref="Run(string, string, string[])"/>
    public static string Run(ProcessStartInfo start)
    {
        (int code, string output, string error) = Try(start);
        Assert.True(code == 0, $"{start.FileName} {string.Join(' ', start.ArgumentList)}: exit code {code}\n{output}\n{error}");
        return output;
    }

    public static (int Code, string Output, string Error) Try(string name, string folder, params string[] arguments) =>
        Try(new ProcessStartInfo(name, arguments) { WorkingDirectory = folder });

    private static (int Code, string Output, string Error) Try(ProcessStartInfo start)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError, start.RedirectStandardInput) = (true, true, true);
        Process? process = null;
        try
        {
            process = Process.Start(start);
        }
        catch (Win32Exception)
        {
            // not installed
        }
        if (process is null) Assert.Skip($"needs the program '{start.FileName}'");
        using (process)
        {
            process.StandardInput.Close();
            Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output, error.GetAwaiter().GetResult());
        }
    }
}
