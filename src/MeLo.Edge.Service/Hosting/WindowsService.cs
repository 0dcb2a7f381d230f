using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Extensions.Hosting;

namespace MeLo.Edge.Service.Hosting;

/// <summary>
/// The part of a Windows service that the service control manager talks to (advapi32, "Service Functions" of the Windows API). The
/// process is started by the manager with <c>--windows-service</c>, connects to it, and is told when to stop.
/// </summary>
[SupportedOSPlatform("windows")]
internal static unsafe partial class WindowsService
{
    private const uint OwnProcess = 0x10; // SERVICE_WIN32_OWN_PROCESS
    private const uint AcceptStopAndShutdown = 0x1 | 0x4;
    private const uint ControlStop = 1;
    private const uint ControlShutdown = 5;
    private const uint CallNotImplemented = 120; // ERROR_CALL_NOT_IMPLEMENTED
    private const uint SpecificError = 1066; // ERROR_SERVICE_SPECIFIC_ERROR: the second code is ours
    private const uint StopHintMilliseconds = 45_000;
    private const uint StartHintMilliseconds = 300_000;

    // The manager calls static functions; a process is one service.
    private static Func<Action<IHostApplicationLifetime>, Task<ExitCode>>? s_run;
    private static IHostApplicationLifetime? s_lifetime;
    private static nint s_handle;
    private static ExitCode s_exitCode = ExitCode.Failed;

    private enum State : uint
    {
        Stopped = 1,
        StartPending = 2,
        StopPending = 3,
        Running = 4,
    }

    /// <summary>Runs the service until the manager stops it.</summary>
    /// <param name="run">Runs the host; calls back once it has started.</param>
    /// <exception cref="ServiceException">The process was not started by the service control manager.</exception>
    public static ExitCode Run(Func<Action<IHostApplicationLifetime>, Task<ExitCode>> run)
    {
        s_run = run;
        fixed (char* name = "") // of no meaning for a service with a process of its own
        {
            TableEntry* table = stackalloc TableEntry[2];
            table[0] = new TableEntry { Name = name, Main = &ServiceMain };
            table[1] = default;
            if (StartServiceCtrlDispatcher(table) == 0)
                throw ServiceException.NotAWindowsService(Marshal.GetLastPInvokeErrorMessage());
        }
        return s_exitCode;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvStdcall)])]
    private static void ServiceMain(uint count, char** arguments)
    {
        fixed (char* name = "") s_handle = RegisterServiceCtrlHandlerEx(name, &OnControl, 0);
        if (s_handle == 0) return;
        Report(State.StartPending, StartHintMilliseconds);
        try
        {
            s_exitCode = s_run!(Started).GetAwaiter().GetResult();
        }
        catch (ServiceException e)
        {
            s_exitCode = e.ExitCode;
        }
        finally
        {
            Report(State.Stopped, 0);
        }
    }

    private static void Started(IHostApplicationLifetime lifetime)
    {
        Volatile.Write(ref s_lifetime, lifetime);
        Report(State.Running, 0);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvStdcall)])]
    private static uint OnControl(uint control, uint eventType, void* eventData, void* context)
    {
        switch (control)
        {
            case ControlStop or ControlShutdown:
                Report(State.StopPending, StopHintMilliseconds);
                Volatile.Read(ref s_lifetime)?.StopApplication();
                return 0;
            case 4: // SERVICE_CONTROL_INTERROGATE
                return 0;
            default:
                return CallNotImplemented;
        }
    }

    private static void Report(State state, uint hintMilliseconds)
    {
        bool failed = state == State.Stopped && s_exitCode != ExitCode.Done;
        Status status = new()
        {
            Type = OwnProcess,
            Current = state,
            Accepted = state == State.Running ? AcceptStopAndShutdown : 0,
            ExitCode = failed ? SpecificError : 0,
            SpecificExitCode = failed ? (uint)s_exitCode : 0,
            WaitHint = hintMilliseconds,
        };
        _ = SetServiceStatus(s_handle, &status);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TableEntry
    {
        public char* Name;
        public delegate* unmanaged[Stdcall]<uint, char**, void> Main;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Status
    {
        public uint Type;
        public State Current;
        public uint Accepted;
        public uint ExitCode;
        public uint SpecificExitCode;
        public uint CheckPoint;
        public uint WaitHint;
    }

    [LibraryImport("advapi32", EntryPoint = "StartServiceCtrlDispatcherW", SetLastError = true)]
    private static partial int StartServiceCtrlDispatcher(TableEntry* table);

    [LibraryImport("advapi32", EntryPoint = "RegisterServiceCtrlHandlerExW", SetLastError = true)]
    private static partial nint RegisterServiceCtrlHandlerEx(char* name, delegate* unmanaged[Stdcall]<uint, uint, void*, void*, uint> handler, nint context);

    [LibraryImport("advapi32", EntryPoint = "SetServiceStatus", SetLastError = true)]
    private static partial int SetServiceStatus(nint handle, Status* status);
}
