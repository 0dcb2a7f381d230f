using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace MeLo.Edge.Service.Files;

/// <summary>Files that are there whole or not at all, whatever moment the power fails at.</summary>
internal static class DurableFile
{
    /// <summary>
    /// Writes a file beside its destination under a hidden name, makes it durable, and renames it into place over what was there.
    /// </summary>
    /// <exception cref="IOException">It cannot be written; the destination is as it was.</exception>
    public static void Write(string path, ReadOnlyMemory<byte> bytes) => Write(path, stream => stream.Write(bytes.Span));

    /// <summary>Likewise, of what <paramref name="write"/> writes.</summary>
    /// <exception cref="IOException">It cannot be written; the destination is as it was.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string folder = Path.GetDirectoryName(path)!;
        // Not derived from the name, which may already be as long as a name can be. A leftover of a crash is removed at start-up.
        string temporary = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
        SyncFolder(folder);
    }

    /// <summary>Writes a file into a folder, whole or not there, beside whatever has its name; where that is the same content, from before a crash, it stays. The folder is made durable: what it is made of may go next.</summary>
    /// <param name="folder">The folder; it is there.</param>
    /// <param name="name">The name, which gets a number where others have it.</param>
    /// <param name="bytes">The content.</param>
    /// <param name="temporaryPrefix">What the name that it is written under begins with; that ends in <c>.tmp</c>.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Add(string folder, string name, byte[] bytes, string temporaryPrefix)
    {
        string temporary = Path.Combine(folder, $"{temporaryPrefix}{Guid.NewGuid():N}.tmp");
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }
            for (int number = 1; ; number++)
            {
                string path = Path.Combine(folder, FileNames.Numbered(name, number));
                if (TryRename(temporary, path) || IsThere(path)) break;
            }
            SyncFolder(folder);
        }
        finally
        {
            File.Delete(temporary);
        }

        // What has left meanwhile was another's.
        bool IsThere(string path)
        {
            try
            {
                return RegularFile.Look(path, out _) == FileKind.Regular && RegularFile.Sha256(path) == Convert.ToHexStringLower(SHA256.HashData(bytes));
            }
            catch (FileNotFoundException)
            {
                return false;
            }
        }
    }

    /// <summary>Renames a file into a folder, under its own name, or with a number where others have that.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="IOException">It cannot be renamed; it is where it was.</exception>
    public static void MoveInto(string path, string folder)
    {
        string name = Path.GetFileName(path);
        for (int number = 1; ; number++)
        {
            if (TryRename(path, Path.Combine(folder, FileNames.Numbered(name, number)))) return;
        }
    }

    /// <summary>Removes the temporary files that a crash left in a folder.</summary>
    public static void RemoveLeftovers(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, ".*.tmp")) TryDelete(path);
    }

    /// <summary>Renames without ever replacing and without ever copying.</summary>
    /// <returns>False when there is a file of the new name already.</returns>
    /// <exception cref="FileNotFoundException">There is no file of the old name.</exception>
    /// <exception cref="IOException">The file cannot be renamed; it is where it was.</exception>
    public static bool TryRename(string from, string to)
    {
        if (!OperatingSystem.IsLinux()) return TryRenameManaged(from, to);
        if (Linux.Rename(Linux.AtCurrentFolder, from, Linux.AtCurrentFolder, to, Linux.RenameNoReplace) == 0) return true;
        switch (Marshal.GetLastPInvokeError())
        {
            case Linux.Exists:
                return false;
            case Linux.NoEntry when !Path.Exists(from):
                throw new FileNotFoundException("there is no such file any more");
            case Linux.Invalid: // a file system that cannot rename without replacing
                return TryRenameManaged(from, to);
            case Linux.CrossDevice:
                throw new IOException("the folders of the data folder are not on one file system, so files cannot be renamed between them", Linux.CrossDevice);
            default:
                throw Linux.LastError("the file cannot be renamed");
        }
    }

    /// <summary>Makes a rename inside a folder durable. Windows does so by itself.</summary>
    public static void SyncFolder(string folder)
    {
        if (!OperatingSystem.IsLinux()) return;
        int descriptor = Linux.Open(folder, Linux.OpenReadOnly | Linux.OpenCloseOnExec);
        if (descriptor < 0) throw Linux.LastError("the folder cannot be opened");
        try
        {
            // Some network file systems do not offer it (EINVAL); they order these operations themselves.
            if (Linux.Sync(descriptor) != 0 && Marshal.GetLastPInvokeError() != Linux.Invalid)
                throw Linux.LastError("the folder cannot be made durable");
        }
        finally
        {
            _ = Linux.Close(descriptor);
        }
    }

    private static bool TryRenameManaged(string from, string to)
    {
        if (Path.Exists(to)) return false;
        try
        {
            File.Move(from, to, overwrite: false);
            return true;
        }
        catch (IOException) when (Path.Exists(to) && Path.Exists(from))
        {
            return false;
        }
    }

    private static void TryDelete(string path)
    {
        try { File.Delete(path); }
        catch (IOException) { /* removed at the next start-up */ }
        catch (UnauthorizedAccessException) { /* likewise */ }
    }
}
