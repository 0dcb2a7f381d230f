using System.Diagnostics;

namespace MeLo.Edge.Tests.Processes;

/// <summary>Runs the service as a user who may not read everything: to root, who runs tests in many places, permissions say nothing.</summary>
internal static class Nobody
{
    private const string Id = "65534";

    public static void SkipUnlessPossible() =>
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.UserName == "root", "needs root to run the service as a user who may not read a file");

    /// <summary>Settles everything that waits as a user who owns the data folder, but for files of root's alone.</summary>
    public static void RunOnce(Installation installation, string unreadable, params (string, string)[] environment)
    {
        Run("chown", "-R", $"{Id}:{Id}", installation.Data.Root);
        Run("chown", "0:0", unreadable);
        Run("chmod", "600", unreadable);
        using ServiceProcess service = ServiceProcess.Start(
            installation.Data.Root, ["--once"], [("HOME", installation.Data.Root), .. environment], ["setpriv", $"--reuid={Id}", $"--regid={Id}", "--clear-groups"]);
        int code = service.WaitForExit();
        Assert.SkipWhen(code == 127 || service.Errors.Contains("setpriv", StringComparison.Ordinal), "needs setpriv, and a build that another user may read");
        Assert.True(code == 0, service.Errors);
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
    }
}
