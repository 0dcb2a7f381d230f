namespace MeLo.Edge.Tools;

/// <summary>Writes bundles so that they appear whole or not at all, and never in the place of something else.</summary>
internal static class OutputFile
{
    // A bundle is a ZIP file without anything before its first record.
    private static ReadOnlySpan<byte> BundleStart => "PK\x03\x04"u8;

    /// <summary>Refuses a path whose file is anything but a bundle: a key or a photograph lost to a mistyped --out cannot be had back.</summary>
    public static void CheckReplaceable(string path)
    {
        string target = Target(path);
        if (Directory.Exists(target)) throw RefusedException.File(path, "found a folder, expected a name for the bundle");
        if (!File.Exists(target)) return;
        Span<byte> start = stackalloc byte[BundleStart.Length];
        using FileStream file = new(target, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        if (file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length || !start.SequenceEqual(BundleStart))
            throw RefusedException.File(path, "found a file that is no bundle, expected a new name or a bundle to replace");
    }

    /// <summary>Writes the bytes beside the target, to the disk, and then gives them its name. A link stays one: what it points to is written.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        CheckReplaceable(path);
        string target = Target(path);
        // Short, so that every name that the file system takes can be written.
        string temporary = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetRandomFileName()}.partial");
        try
        {
            using (FileStream file = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                file.Write(bytes);
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
