using System.Runtime.InteropServices;

namespace MeLo.Edge.Native;

/// <summary>
/// Machine code in memory of its own, for the life of the process. The pages are written first and made executable, and no longer
/// writable, afterwards: they are never both.
/// </summary>
internal static unsafe partial class ExecutableMemory
{
    // sys/mman.h: PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS (Linux).
    private const int ReadWrite = 3, ReadExecute = 5, PrivateAnonymous = 0x22;

    // winnt.h, memoryapi.h: MEM_COMMIT | MEM_RESERVE, MEM_RELEASE, PAGE_READWRITE, PAGE_EXECUTE_READ.
    private const int CommitReserve = 0x3000, Release = 0x8000, PageReadWrite = 0x04, PageExecuteRead = 0x20;

    /// <summary>Places code in memory.</summary>
    /// <returns>Its first instruction, on a page of its own; null where the system allows no such memory.</returns>
    public static void* Place(ReadOnlySpan<byte> code)
    {
        nuint length = (nuint)code.Length;
        if (OperatingSystem.IsWindows())
        {
            void* pages = VirtualAlloc(null, length, CommitReserve, PageReadWrite);
            if (pages == null) return null;
            code.CopyTo(new Span<byte>(pages, code.Length));
            if (VirtualProtect(pages, length, PageExecuteRead, out _)) return pages;
            _ = VirtualFree(pages, 0, Release);
            return null;
        }
        if (!OperatingSystem.IsLinux()) return null;
        nint memory = Map(0, length, ReadWrite, PrivateAnonymous, -1, 0);
        if (memory == -1) return null;
        code.CopyTo(new Span<byte>((void*)memory, code.Length));
        if (Protect(memory, length, ReadExecute) == 0) return (void*)memory;
        _ = Unmap(memory, length);
        return null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("kernel32", EntryPoint = "VirtualAlloc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial void* VirtualAlloc(void* address, nuint length, int kind, int protection);

    [LibraryImport("kernel32", EntryPoint = "VirtualProtect")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool VirtualProtect(void* address, nuint length, int protection, out int before);

    [LibraryImport("kernel32", EntryPoint = "VirtualFree")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool VirtualFree(void* address, nuint length, int kind);
}
