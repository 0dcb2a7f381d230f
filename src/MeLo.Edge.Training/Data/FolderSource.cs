using System.IO.Enumeration;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Training.Data;

/// <summary>A folder with a folder of pictures for each class, perhaps below a folder for each part.</summary>
internal static class FolderSource
{
    // What Windows leaves among pictures, hidden there, but not where a folder was copied to.
    private static readonly string[] s_leftovers = ["Thumbs.db", "desktop.ini"];

    private static readonly string[] s_texts = [".csv", ".txt"];

    // As many bytes tell what a picture is: DICOM's prefix comes behind 128 others.
    private const int StartLength = 132;

    private sealed record ClassFolder(string Label, DatasetPart? Part, string Location);

    /// <exception cref="DatasetException">It is not such a folder.</exception>
    public static Dataset Open(string root, DatasetOptions options)
    {
        root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        string source = Path.GetFileName(root);
        IReadOnlyList<ClassFolder> folders = Classes(root, source);
        LabelSet labels = LabelSet.Of(source, folders.Select(f => f.Label), options.Labels);
        List<(PictureFile File, Sample Sample)> found = [];
        List<string> faults = [];
        foreach (ClassFolder folder in folders)
        {
            int before = found.Count;
            foreach (string path in Files(folder.Location, root, faults))
            {
                string id = Relative(root, path);
                found.Add((new PictureFile(id, path), new Sample(id, labels.Targets(folder.Label), Patient: null, folder.Part)));
            }
            if (found.Count == before) faults.Add($"the folder '{Path.GetRelativePath(root, folder.Location)}' holds no file, expected the pictures of a class");
        }
        faults.AddRange(Unlabelled(root));
        if (faults.Count > 0) throw DatasetException.Of(source, faults);

        found.Sort((a, b) => string.CompareOrdinal(a.File.Id, b.File.Id));
        FilePictures pictures = FilePictures.Open(source, [.. found.Select(f => f.File)], options);
        return Dataset.Of(source, labels.Names, isMultiLabel: false, [.. found.Select((f, i) => pictures.Describe(i, f.Sample))], pictures, notice: DatasetNotice.Beside(root));
    }

    private static List<ClassFolder> Classes(string root, string source)
    {
        string[] top = Folders(root);
        string[] others = [.. top.Where(f => PartNames.Parse(Path.GetFileName(f)) is null)];
        if (others.Length == top.Length)
            return [.. top.Select(f => new ClassFolder(Path.GetFileName(f), Part: null, f))];
        if (others.Length > 0)
            throw DatasetException.Of(source, $"found the folder '{Path.GetFileName(others[0])}' beside '{Path.GetFileName(top.Except(others).First())}', expected a folder for each class, or for each part only: {PartNames.Expected}");
        return [.. top.SelectMany(part => Folders(part).Select(f => new ClassFolder(Path.GetFileName(f), PartNames.Parse(Path.GetFileName(part)), f)))];
    }

    // A link to a folder is not followed: it may lead back up, and then every picture would be there many times.
    private static IEnumerable<string> Files(string folder, string root, List<string> faults) =>
        new FileSystemEnumerable<string>(folder, (ref FileSystemEntry e) => e.ToFullPath(), Visible(recurse: true))
        {
            ShouldIncludePredicate = (ref FileSystemEntry e) => !e.IsDirectory,
            ShouldRecursePredicate = (ref FileSystemEntry e) =>
            {
                if ((e.Attributes & FileAttributes.ReparsePoint) == 0 || e.ToFileSystemInfo().LinkTarget is null) return true;
                faults.Add($"'{Relative(root, e.ToFullPath())}' is a link to a folder, expected files and folders");
                return false;
            },
        }.Where(IsNoLeftover);

    // A list and a notice may lie beside the classes; a picture there would be left out, and nobody would notice.
    private static IEnumerable<string> Unlabelled(string root) =>
        from folder in Folders(root).Where(f => PartNames.Parse(Path.GetFileName(f)) is not null).Prepend(root)
        from path in Directory.EnumerateFiles(folder, "*", Visible(recurse: false)).Where(IsNoLeftover).Order(StringComparer.Ordinal)
        where IsPicture(path)
        select $"the picture '{Relative(root, path)}' is in no class's folder";

    private static bool IsPicture(string path)
    {
        try
        {
            // A list may begin as anything, "BMI,age" as a BMP file.
            if (s_texts.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase) || PictureFile.LengthOf(path) == 0) return false;
            byte[] start = new byte[StartLength];
            using FileStream file = File.OpenRead(path);
            ReadOnlySpan<byte> found = start.AsSpan(0, file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false));
            if (!DicomDecoder.IsDicom(found)) ImageSignature.Identify(found);
            return true;
        }
        catch (Exception e) when (e is ImageException or IOException or UnauthorizedAccessException)
        {
            // Whatever it is, it is none that would have been read.
            return false;
        }
    }

    // As the dataset has it, with slashes.
    private static string Relative(string root, string path) => Path.GetRelativePath(root, path).Replace(Path.DirectorySeparatorChar, '/');

    private static string[] Folders(string path) => [.. Directory.EnumerateDirectories(path, "*", Visible(recurse: false)).Order(StringComparer.Ordinal)];

    private static bool IsNoLeftover(string path) => !s_leftovers.Contains(Path.GetFileName(path), StringComparer.OrdinalIgnoreCase);

    private static EnumerationOptions Visible(bool recurse) => new() { AttributesToSkip = FileAttributes.Hidden, IgnoreInaccessible = false, RecurseSubdirectories = recurse };
}
