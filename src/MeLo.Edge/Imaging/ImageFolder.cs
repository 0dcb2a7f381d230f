namespace MeLo.Edge.Imaging;

/// <summary>The files of a folder that people put there.</summary>
internal static class ImageFolder
{
    // What Windows leaves among pictures, hidden there, but not where a folder was copied to.
    private static readonly string[] s_leftovers = ["Thumbs.db", "desktop.ini"];

    /// <summary>The visible files right in a folder, without what the system leaves there, in no order.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(folder, "*", new EnumerationOptions { AttributesToSkip = FileAttributes.Hidden, IgnoreInaccessible = false }).Where(path => !IsLeftover(Path.GetFileName(path)));

    /// <summary>Whether the system leaves files of that name among pictures.</summary>
    public static bool IsLeftover(string name) => s_leftovers.Contains(name, StringComparer.OrdinalIgnoreCase);
}
