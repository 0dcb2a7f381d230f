using System.Text;

namespace MeLo.Edge.Bundles;

/// <summary>Writes a small new file so that it appears whole, with its final mode, or not at all.</summary>
internal static class PrivateFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Everyone = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public static void Write(string path, string text, bool ownerOnly)
    {
        string temporary = $"{path}.{Path.GetRandomFileName()}";
        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        // Windows has no modes: there the folder's access list protects the file.
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = ownerOnly ? OwnerOnly : Everyone;
        try
        {
            using (FileStream file = new(temporary, options))
            {
                file.Write(Encoding.ASCII.GetBytes(text));
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: false);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
