using System.Runtime.InteropServices;

namespace MeLo.Edge.Native;

/// <summary>
/// Page-aligned host memory outside the garbage-collected heap, asked to be backed by huge pages: a task's matrices are tens of megabytes
/// that are streamed through at once, where ordinary pages cost a fault and a TLB entry every 4 KiB.
/// </summary>
internal sealed unsafe partial class HostBuffer : SafeHandle
{
    private const int HugePage = 2 << 20;
    private const int AdviseHugePage = 14; // MADV_HUGEPAGE, linux/mman.h

    /// <param name="byteLength">The usable length; at least 1.</param>
    /// <exception cref="OutOfMemoryException">The system has no such block.</exception>
    public HostBuffer(long byteLength)
        : base(invalidHandleValue: 0, ownsHandle: true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(byteLength, 1);
        ByteLength = byteLength;
        // Whole huge pages, so that the last one is backed like the others.
        nuint reserved = ((nuint)byteLength + HugePage - 1) / HugePage * HugePage;
        SetHandle((nint)NativeMemory.AlignedAlloc(reserved, HugePage));
        // Advice only: where the system refuses, ordinary pages do the same work more slowly.
        if (OperatingSystem.IsLinux()) _ = Advise(handle, reserved, AdviseHugePage);
        GC.AddMemoryPressure(byteLength);
    }

    public override bool IsInvalid => handle == 0;

    public long ByteLength { get; }

    /// <summary>The first byte; valid until the buffer is disposed. The owner keeps the buffer alive while it is used.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return (byte*)handle;
        }
    }

    /// <summary>Has the system back every page now, so that the first real use does not pay for it.</summary>
    public void Prefault() => NativeMemory.Clear(Pointer, (nuint)ByteLength);

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        GC.RemoveMemoryPressure(ByteLength);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(nint address, nuint length, int advice);
}
