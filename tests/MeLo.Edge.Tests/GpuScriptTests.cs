using System.Diagnostics;

namespace MeLo.Edge.Tests;

/// <summary><c>bench/gpu/run.sh</c> and <c>publish.sh</c>, before anything is measured: run.sh with a program that says what a GPU's does.</summary>
public sealed class GpuScriptTests : IDisposable
{
    private const int Done = 0, Failed = 1, Usage = 2;

    private static readonly string s_scripts = Path.Combine(SharedData.RepositoryRoot, "bench", "gpu");

    private readonly TemporaryFolder _folder = new();

    public GpuScriptTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "the scripts are for Linux");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Help_NamesEveryOption()
    {
        (int code, string output, _) = Run(Path.Combine(s_scripts, "run.sh"), "--help");
        Assert.Equal(Done, code);
        foreach (string option in (string[])["--large", "--model", "--provider", "--seconds", "--limit", "--out", "--folder", "--no-peer", "--python", "--json"])
            Assert.Contains($"  {option} ", output, StringComparison.Ordinal);
        (code, output, _) = Run(Path.Combine(s_scripts, "publish.sh"), "--help");
        Assert.Equal(Done, code);
        foreach (string named in (string[])["vulkan-loader", "libvulkan1", "libcudart.so.13", "libcudnn.so.9", "libonnxruntime_providers_cuda.so"]) Assert.Contains(named, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run.sh", "--surprise", "found '--surprise', expected an option")]
    [InlineData("run.sh", "--seconds", "found --seconds without a value")]
    [InlineData("run.sh", "--provider=cpu", "found '--provider=cpu'")]
    [InlineData("run.sh", "--provider cpu", "found --provider cpu, expected webgpu or cuda")]
    [InlineData("publish.sh", "--surprise", "found '--surprise'")]
    [InlineData("publish.sh", "libvulkan.so.1-of-nobody", "found no file libvulkan.so.1-of-nobody")]
    public void WrongUsage_IsOneLineThatPointsToTheHelp(string script, string arguments, string reason)
    {
        (int code, string output, string errors) = Run(Path.Combine(s_scripts, script), arguments.Split(' '));
        Assert.Equal((Usage, ""), (code, output));
        Assert.StartsWith("error: ", errors, StringComparison.Ordinal);
        Assert.Contains(reason, errors, StringComparison.Ordinal);
        Assert.Contains("--help", Assert.Single(errors.Trim().Split('\n')), StringComparison.Ordinal);
    }

    [Fact]
    public void AProviderThatDoesNotStart_IsExplainedByTheProgramsOwnLine_NotByADriversWarning()
    {
        (int code, _, string errors) = RunWith("""
            echo "Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced" >&2
            echo "error: provider webgpu: found a driver, expected a GPU" >&2
            exit 1
            """);
        Assert.Equal(Failed, code);
        Assert.Contains("exit code 1: error: provider webgpu: found a driver, expected a GPU\n", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Warning", errors, StringComparison.Ordinal);
        Assert.Contains("error: provider webgpu does not start here", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void AProgramThatDiesWithoutAnError_IsExplainedByItsLastLines()
    {
        (_, _, string errors) = RunWith("""
            for i in 1 2 3 4 5 6 7; do echo "line $i" >&2; done
            exit 134
            """);
        Assert.Contains("exit code 134: line 3\nline 4\nline 5\nline 6\nline 7\n", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("line 2", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void AProviderThatStarts_IsMeasuredWithWhatWasAskedFor()
    {
        (int code, string output, _) = RunWith("""
            if [ "$1" = device ]; then echo "Fake card"; else echo "$@"; fi
            """, "--no-peer", "--seconds", "3", "--large");
        Assert.Equal((Done, "gpu --provider webgpu --seconds 3 --model vit_large_patch16_224"), (code, output.Trim()));
    }

    private (int Code, string Output, string Errors) RunWith(string program, params string[] arguments)
    {
        string script = _folder["run.sh"], own = _folder["program", "MeLo.Edge.Benchmarks"];
        Directory.CreateDirectory(_folder["lib"]);
        File.Copy(Path.Combine(s_scripts, "run.sh"), script);
        File.WriteAllText(own, $"#!/usr/bin/env bash\n{program}\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(own, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        return Run(script, arguments);
    }

    private static (int Code, string Output, string Errors) Run(string script, params string[] arguments)
    {
        ProcessStartInfo start = new("bash", [script, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return (process.ExitCode, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
    }
}
