using System.Runtime.InteropServices;

namespace MeLo.Edge.Service.Hosting;

/// <summary>
/// Ends the process at once. An orderly exit would wait for the thread that hangs; the journal is made for processes that end like this.
/// </summary>
internal static partial class HardExit
{
    public static void Now(ExitCode code)
    {
        if (OperatingSystem.IsWindows()) _ = TerminateProcess(GetCurrentProcess(), (uint)code);
        else ExitWithoutCleanup((int)code);
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitWithoutCleanup(int status);

    [LibraryImport("kernel32")]
    private static partial nint GetCurrentProcess();

    [LibraryImport("kernel32")]
    private static partial int TerminateProcess(nint process, uint exitCode);
}
