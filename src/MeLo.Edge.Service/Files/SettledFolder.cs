namespace MeLo.Edge.Service.Files;

/// <summary>What became of a file that was to leave its inbox.</summary>
internal enum TakeOutcome
{
    /// <summary>It is in the folder now.</summary>
    Taken,

    /// <summary>Somebody removed it from the inbox.</summary>
    Gone,

    /// <summary>Another file had taken its place in the inbox; that one was put back, to be processed in its turn.</summary>
    Replaced,
}

/// <summary>
/// A folder that takes inputs out of an inbox for good: <c>processed/TASK</c> or <c>quarantine/TASK</c>. A file is first renamed into a
/// hidden folder inside, where no producer can replace it any more; only if it then still is the file that was dealt with does it
/// get its final name. Nothing is ever overwritten by different bytes.
/// </summary>
internal sealed class SettledFolder(string folder)
{
    private const string MovingName = ".moving";

    public string Folder => folder;

    /// <summary>Takes a file out of the inbox.</summary>
    /// <param name="source">The file in the inbox.</param>
    /// <param name="isExpected">Whether the file at this path is the one that was dealt with.</param>
    /// <param name="finalName">The name it should get.</param>
    /// <param name="reason">What to write beside it, if anything: present before the file is.</param>
    /// <exception cref="IOException">It could not be moved; it is still in the inbox, or will be after the next start.</exception>
    public TakeOutcome Take(string source, Func<string, bool> isExpected, string finalName, byte[]? reason = null)
    {
        string movingFolder = Path.Combine(folder, MovingName);
        Directory.CreateDirectory(movingFolder);
        string moving = Path.Combine(movingFolder, Path.GetFileName(source));
        try
        {
            if (!DurableFile.TryRename(source, moving)) throw new IOException("a file of that name is still being moved");
        }
        catch (FileNotFoundException)
        {
            return TakeOutcome.Gone;
        }
        try
        {
            if (!isExpected(moving))
            {
                DurableFile.MoveInto(moving, Path.GetDirectoryName(source)!);
                return TakeOutcome.Replaced;
            }
            Place(moving, finalName, reason);
            return TakeOutcome.Taken;
        }
        catch
        {
            // Back where it is seen again; if even that fails, the next start does it.
            if (Path.Exists(moving)) DurableFile.MoveInto(moving, Path.GetDirectoryName(source)!);
            throw;
        }
    }

    /// <summary>Puts back into the inbox what a crash left half-way: it is dealt with again, with the same outcome.</summary>
    public int PutBackUnfinished(string inbox)
    {
        string movingFolder = Path.Combine(folder, MovingName);
        if (!Directory.Exists(movingFolder)) return 0;
        int count = 0;
        foreach (string path in Directory.EnumerateFiles(movingFolder))
        {
            Directory.CreateDirectory(inbox);
            DurableFile.MoveInto(path, inbox);
            count++;
        }
        return count;
    }

    private void Place(string moving, string finalName, byte[]? reason)
    {
        for (int number = 1; ; number++)
        {
            string name = FileNames.Numbered(finalName, number);
            string path = Path.Combine(folder, name);
            bool same = Path.Exists(path) && HasSameBytes(path, moving);
            if (Path.Exists(path) && !same) continue;
            if (reason is not null)
            {
                string reasonPath = Path.Combine(folder, FileNames.Reason(name));
                // An input may itself be called so: then it has a reason of its own beside it. A reason without its file is from before a crash.
                if (Path.Exists(FileNames.Reason(Path.Combine(folder, FileNames.Reason(name))))) continue;
                DurableFile.Write(reasonPath, reason);
            }
            if (same)
            {
                File.Move(moving, path, overwrite: true); // the same bytes under the same name: one copy is enough
                return;
            }
            if (DurableFile.TryRename(moving, path)) return;
        }
    }

    private static bool HasSameBytes(string one, string other) =>
        RegularFile.Look(one, out FileStamp a) == FileKind.Regular
        && RegularFile.Look(other, out FileStamp b) == FileKind.Regular
        && a.Length == b.Length
        && CanCompare(one, other);

    private static bool CanCompare(string one, string other)
    {
        try
        {
            return RegularFile.Sha256(one) == RegularFile.Sha256(other);
        }
        catch (IOException)
        {
            return false; // what cannot be read is not the same: it gets a name of its own
        }
    }
}
