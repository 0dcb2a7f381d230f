namespace MeLo.Edge.Tools;

/// <summary>Writes files so that they appear whole or not at all, and never in the place of something else.</summary>
internal static class OutputFile
{
    /// <summary>Refuses a path whose file is of another kind: a key or a photograph lost to a mistyped --out cannot be had back.</summary>
    public static void CheckReplaceable(string path, FileKind kind)
    {
        string target = Target(path);
        if (Directory.Exists(target)) throw RefusedException.File(path, $"found a folder, expected a name for the {kind.Name}");
        if (!File.Exists(target)) return;
        Span<byte> start = stackalloc byte[FileKind.StartLength];
        using FileStream file = new(target, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        if (!kind.IsStart(start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]))
            throw RefusedException.File(path, $"found a file that is no {kind.Name}, expected a new name or a {kind.Name} to replace");
    }

    /// <summary>Writes the bytes beside the target, to the disk, and then gives them its name. A link stays one: what it points to is written.</summary>
    public static void Write(string path, FileKind kind, byte[] bytes) => Write(path, kind, stream => stream.Write(bytes));

    /// <summary>The same with what a function writes.</summary>
    public static void Write(string path, FileKind kind, Action<Stream> write)
    {
        CheckReplaceable(path, kind);
        string target = Target(path), folder = Path.GetDirectoryName(target)!;
        // Short, so that every name that the file system takes can be written.
        string temporary = Path.Combine(folder, $".{Path.GetRandomFileName()}.partial");
        try
        {
            using (FileStream file = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    // A link to nothing exists too, for File.Exists.
    private static string Target(string path)
    {
        string full = Path.GetFullPath(path);
        return File.Exists(full) ? File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full : full;
    }
}
