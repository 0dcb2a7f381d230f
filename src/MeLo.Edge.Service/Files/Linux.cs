using System.Runtime.InteropServices;

namespace MeLo.Edge.Service.Files;

/// <summary>
/// The few system calls that .NET has no managed form of: the type of a file without opening it (a FIFO blocks whoever opens
/// it), opening without blocking, renaming without replacing, and making a directory entry durable. Names and layouts are those of
/// the Linux manual pages, section 2.
/// </summary>
internal static unsafe partial class Linux
{
    public const int AtCurrentFolder = -100; // AT_FDCWD
    public const int AtSymlinkNoFollow = 0x100;
    public const int AtEmptyPath = 0x1000;
    public const uint StatxBasicStats = 0x7ff;
    public const int OpenReadOnly = 0;
    public const int OpenNonBlocking = 0x800;
    public const int OpenCloseOnExec = 0x80000;
    public const uint RenameNoReplace = 1;
    public const int NoEntry = 2; // ENOENT
    public const int Exists = 17; // EEXIST
    public const int CrossDevice = 18; // EXDEV
    public const int NotADirectory = 20; // ENOTDIR
    public const int Invalid = 22; // EINVAL
    public const int NameTooLong = 36; // ENAMETOOLONG

    /// <summary>struct statx: the same on every architecture, which struct stat is not.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct Statx
    {
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(112)] public long ModifiedSeconds;
        [FieldOffset(120)] public uint ModifiedNanoseconds;
        [FieldOffset(136)] public uint DeviceMajor;
        [FieldOffset(140)] public uint DeviceMinor;

        public readonly bool IsRegularFile => (Mode & 0xF000) == 0x8000;
        public readonly bool IsDirectory => (Mode & 0xF000) == 0x4000;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int StatusOf(int folder, string path, int flags, uint mask, out Statx status);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Rename(int fromFolder, string from, int toFolder, string to, uint flags);

    /// <summary>The last call's failure as an exception that names no path: paths hold file names, and those may be a patient's.</summary>
    public static IOException LastError(string what)
    {
        int error = Marshal.GetLastPInvokeError();
        return new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(error)} (error {error})", error);
    }
}
