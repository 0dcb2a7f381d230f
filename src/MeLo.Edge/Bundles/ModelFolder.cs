namespace MeLo.Edge.Bundles;

/// <summary>The files of a model folder as OpenSSF Model Signing enumerates them (section 6.1), without symbolic links.</summary>
public static class ModelFolder
{
    /// <summary>Every regular file below a folder, or the one file that <paramref name="path"/> is, with its digest.</summary>
    /// <param name="path">A folder, or a file: a model of its own, named by its file name.</param>
    /// <param name="ignorePaths">Relative paths left out, with all that is below them, besides the standard's own.</param>
    /// <exception cref="BundleException">A symbolic link or a name that is not Unicode lies below the folder.</exception>
    /// <exception cref="IOException">Something cannot be read.</exception>
    public static IReadOnlyList<ModelResource> Enumerate(string path, IReadOnlyCollection<string>? ignorePaths = null)
    {
        if (File.Exists(path)) return [ModelResource.FromFile(Path.GetFileName(path), path)];
        List<ModelResource> resources = [];
        Walk(path, string.Empty, [.. SignedManifest.DefaultIgnorePaths, .. ignorePaths ?? []], resources);
        return resources;
    }

    private static void Walk(string folder, string prefix, HashSet<string> ignored, List<ModelResource> resources)
    {
        foreach (FileSystemInfo item in new DirectoryInfo(folder).EnumerateFileSystemInfos())
        {
            string name = prefix + item.Name;
            if (ignored.Contains(name)) continue;
            // Links to folders say Directory too, so this comes first.
            if (item.LinkTarget is not null || item.Attributes.HasFlag(FileAttributes.ReparsePoint))
                throw BundleException.Malformed(PrintableText.Of(name), "is a symbolic link, expected regular files and folders");
            if (item is DirectoryInfo) Walk(item.FullName, name + "/", ignored, resources);
            else resources.Add(ModelResource.FromFile(name, item.FullName));
        }
    }
}
