using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MeLo.Edge.Service.Files;

/// <summary>What is at a path.</summary>
internal enum FileKind
{
    /// <summary>Nothing, or nothing this process can reach by that name.</summary>
    Missing,

    /// <summary>A regular file.</summary>
    Regular,

    /// <summary>A directory, a symbolic link, a FIFO, a socket or a device: never opened.</summary>
    Other,
}

/// <summary>Looks at and reads regular files, and nothing else: no link is followed and nothing that could block is opened.</summary>
internal static class RegularFile
{
    /// <summary>What is at the path, and the stamp of a regular file.</summary>
    public static FileKind Look(string path, out FileStamp stamp)
    {
        stamp = default;
        if (OperatingSystem.IsLinux())
        {
            if (Linux.StatusOf(Linux.AtCurrentFolder, path, Linux.AtSymlinkNoFollow, Linux.StatxBasicStats, out Linux.Statx status) != 0)
                return FileKind.Missing;
            if (!status.IsRegularFile) return FileKind.Other;
            stamp = Stamp(status);
            return FileKind.Regular;
        }
        FileInfo file = new(path);
        if (!file.Exists) return Directory.Exists(path) ? FileKind.Other : FileKind.Missing;
        if ((file.Attributes & (FileAttributes.ReparsePoint | FileAttributes.Device)) != 0) return FileKind.Other;
        stamp = new FileStamp(file.Length, file.LastWriteTimeUtc.Ticks, 0);
        return FileKind.Regular;
    }

    /// <summary>Reads a whole file, once.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">The most bytes it may have.</param>
    /// <param name="stamp">The state of the file that was read.</param>
    /// <returns>The bytes, or null when the file has more than <paramref name="limit"/>.</returns>
    /// <exception cref="FileNotFoundException">There is no regular file any more.</exception>
    /// <exception cref="FileChangedException">The file changed while it was read.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static byte[]? Read(string path, long limit, out FileStamp stamp)
    {
        using SafeFileHandle handle = Open(path, out stamp);
        if (stamp.Length > limit) return null;
        byte[] bytes = GC.AllocateUninitializedArray<byte>(checked((int)stamp.Length));
        int count = 0;
        while (count < bytes.Length)
        {
            int read = RandomAccess.Read(handle, bytes.AsSpan(count), count);
            if (read == 0) break;
            count += read;
        }
        if (count != bytes.Length || StampOf(handle, path) != stamp) throw new FileChangedException();
        return bytes;
    }

    /// <summary>The first bytes of a file, fewer where it is shorter.</summary>
    /// <exception cref="FileNotFoundException">There is no regular file.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static byte[] ReadStart(string path, int count)
    {
        using SafeFileHandle handle = Open(path, out _);
        byte[] bytes = new byte[count];
        return bytes[..RandomAccess.Read(handle, bytes, 0)];
    }

    /// <summary>The SHA-256 of a file's bytes, in lower-case hexadecimal digits.</summary>
    /// <exception cref="FileNotFoundException">There is no regular file.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static string Sha256(string path)
    {
        using SafeFileHandle handle = Open(path, out _);
        using FileStream stream = new(handle, FileAccess.Read, bufferSize: 0);
        return Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(stream));
    }

    private static SafeFileHandle Open(string path, out FileStamp stamp)
    {
        if (!OperatingSystem.IsLinux())
        {
            if (Look(path, out stamp) != FileKind.Regular) throw new FileNotFoundException("there is no regular file");
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.SequentialScan);
        }
        if (Look(path, out FileStamp before) != FileKind.Regular) throw new FileNotFoundException("there is no regular file");
        // Not blocking, and compared with what was there before: a FIFO or a link put in its place meanwhile does no harm.
        int descriptor = Linux.Open(path, Linux.OpenReadOnly | Linux.OpenNonBlocking | Linux.OpenCloseOnExec);
        if (descriptor < 0)
        {
            if (Marshal.GetLastPInvokeError() == Linux.NoEntry) throw new FileNotFoundException("there is no regular file");
            throw Linux.LastError("the file cannot be opened");
        }
        SafeFileHandle handle = new(descriptor, ownsHandle: true);
        try
        {
            stamp = StampOf(handle, path);
            if (stamp.Inode != before.Inode) throw new FileChangedException();
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static FileStamp StampOf(SafeFileHandle handle, string path)
    {
        if (!OperatingSystem.IsLinux())
            return Look(path, out FileStamp stamp) == FileKind.Regular ? stamp : throw new FileChangedException();
        int descriptor = (int)handle.DangerousGetHandle();
        if (Linux.StatusOf(descriptor, "", Linux.AtEmptyPath, Linux.StatxBasicStats, out Linux.Statx status) != 0)
            throw Linux.LastError("the file cannot be looked at");
        GC.KeepAlive(handle);
        return status.IsRegularFile ? Stamp(status) : throw new FileChangedException();
    }

    private static FileStamp Stamp(in Linux.Statx status) =>
        new(checked((long)status.Size), (status.ModifiedSeconds * 1_000_000_000) + status.ModifiedNanoseconds, status.Inode);
}
