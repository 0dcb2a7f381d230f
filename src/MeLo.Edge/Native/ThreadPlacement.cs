using System.Runtime.InteropServices;

namespace MeLo.Edge.Native;

/// <summary>
/// Where Linux runs the threads that help a caller. A thread that is woken may be queued on the very processor that wakes it, though another is
/// idle (on a virtual machine often: an idle virtual processor looks as if its host had taken it away); it then waits until the
/// caller's time slice ends, some three milliseconds, as long as a merge takes.
/// </summary>
internal static unsafe partial class ThreadPlacement
{
    private const int MaskLongs = 1024 / 64; // as many processors as glibc's cpu_set_t has

    private static readonly bool s_canPlace = OperatingSystem.IsLinux() && CanPlace();

    /// <summary>What <see cref="KeepOffThisProcessor"/> knows the calling thread by; 0 where nothing can be placed.</summary>
    public static int CurrentThread => s_canPlace ? GetThreadId() : 0;

    /// <summary>Has threads run on any processor that the calling thread may use but the one it is on now. Advice only: failures change nothing.</summary>
    /// <param name="threads">Threads of this process, as <see cref="CurrentThread"/> gave them.</param>
    public static void KeepOffThisProcessor(ReadOnlySpan<int> threads)
    {
        if (!s_canPlace) return;
        int processor = GetProcessor();
        ulong* mask = stackalloc ulong[MaskLongs];
        new Span<ulong>(mask, MaskLongs).Clear();
        if (processor < 0 || processor >= MaskLongs * 64 || GetAffinity(0, MaskLongs * sizeof(ulong), mask) != 0) return;
        mask[processor / 64] &= ~(1UL << (processor % 64));
        if (!new Span<ulong>(mask, MaskLongs).ContainsAnyExcept(0UL)) return; // there is no other
        foreach (int thread in threads) _ = SetAffinity(thread, MaskLongs * sizeof(ulong), mask);
    }

    private static bool CanPlace()
    {
        try
        {
            return GetThreadId() > 0 && GetProcessor() >= 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false; // a C library of before 2019
        }
    }

    [LibraryImport("libc", EntryPoint = "gettid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetThreadId();

    [LibraryImport("libc", EntryPoint = "sched_getcpu")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetProcessor();

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetAffinity(int thread, nuint length, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetAffinity(int thread, nuint length, ulong* mask);
}
