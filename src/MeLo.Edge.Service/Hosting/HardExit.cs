using System.Diagnostics;
using System.Runtime.InteropServices;

namespace MeLo.Edge.Service.Hosting;

/// <summary>
/// Ends the process at once. An orderly exit would wait for the thread that hangs; the journal is made for processes that end like this.
/// </summary>
internal static partial class HardExit
{
    public static void Now(ExitCode code)
    {
        if (OperatingSystem.IsLinux()) ExitWithoutCleanup((int)code);
        using Process self = Process.GetCurrentProcess();
        self.Kill();
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitWithoutCleanup(int status);
}
