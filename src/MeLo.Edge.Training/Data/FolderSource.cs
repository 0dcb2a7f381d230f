using System.IO.Enumeration;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>A folder with a folder of pictures or volumes for each class, perhaps below a folder for each part.</summary>
internal static class FolderSource
{
    private static readonly string[] s_texts = [".csv", ".tsv", ".txt"];

    private sealed record ClassFolder(string Label, DatasetPart? Part, string Location);

    /// <exception cref="DatasetException">It is not such a folder.</exception>
    public static Dataset Open(string root, DatasetOptions options)
    {
        root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        string source = Path.GetFileName(root);
        IReadOnlyList<ClassFolder> folders = Classes(root, source);
        LabelSet labels = LabelSet.Of(source, folders.Select(f => f.Label), options.Labels);
        List<(SampleFiles Files, Sample Sample)> found = [];
        List<string> faults = [];
        foreach (ClassFolder folder in folders)
        {
            int before = found.Count;
            foreach (SampleFiles files in Samples(folder.Location, root, areVolumes: options.Slices is not null, faults))
                found.Add((files, new Sample(files.Id, labels.Targets(folder.Label), Patient: null, folder.Part)));
            if (found.Count == before) faults.Add($"the folder '{Path.GetRelativePath(root, folder.Location)}' holds no file, expected the {(options.Slices is null ? "pictures" : "volumes")} of a class");
        }
        faults.AddRange(Unlabelled(root, areVolumes: options.Slices is not null));
        if (faults.Count > 0) throw DatasetException.Of(source, faults);

        found.Sort((a, b) => string.CompareOrdinal(a.Files.Id, b.Files.Id));
        FilePictures pictures = FilePictures.Open(source, [.. found.Select(f => f.Files)], options);
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

    // Where samples are volumes, the DICOM files of a folder below a class's are the slices of one series; right in the class's, each is a volume of several frames.
    private static IEnumerable<SampleFiles> Samples(string location, string root, bool areVolumes, List<string> faults) =>
        Files(location, root, faults)
            .GroupBy(path => areVolumes && Path.GetDirectoryName(path) != location && IsDicom(path) ? Path.GetDirectoryName(path)! : path)
            .Select(files => new SampleFiles(Relative(root, files.Key), [.. files.Order(StringComparer.Ordinal)], IsSeries: files.Key != files.First()));

    // A link to a folder is not followed: it may lead back up, and then every picture would be there many times.
    private static IEnumerable<string> Files(string folder, string root, List<string> faults) =>
        SampleFiles.Below(folder, (ref FileSystemEntry e) =>
        {
            if ((e.Attributes & FileAttributes.ReparsePoint) == 0 || e.ToFileSystemInfo().LinkTarget is null) return true;
            faults.Add($"'{Relative(root, e.ToFullPath())}' is a link to a folder, expected files and folders");
            return false;
        });

    private static bool IsDicom(string path)
    {
        try
        {
            return DicomDecoder.IsDicom(SampleFiles.Start(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Whoever reads all of it says why it cannot be read.
            return false;
        }
    }

    // A list and a notice may lie beside the classes; a picture there would be left out, and nobody would notice.
    private static IEnumerable<string> Unlabelled(string root, bool areVolumes) =>
        from folder in Folders(root).Where(f => PartNames.Parse(Path.GetFileName(f)) is not null).Prepend(root)
        from path in InputFiles.In(folder).Order(StringComparer.Ordinal)
        where IsSample(path, areVolumes)
        select $"the {(areVolumes ? "volume" : "picture")} '{Relative(root, path)}' is in no class's folder";

    private static bool IsSample(string path, bool areVolumes)
    {
        try
        {
            // A list may begin as anything, "BMI,age" as a BMP file.
            string name = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
            if (s_texts.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase)) return false;
            byte[] start = SampleFiles.Start(path);
            if (areVolumes) VolumeDecoder.CheckKind(start);
            else if (!DicomDecoder.IsDicom(start)) ImageSignature.Identify(start);
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

    private static string[] Folders(string path) => [.. Directory.EnumerateDirectories(path, "*", new EnumerationOptions { AttributesToSkip = FileAttributes.Hidden, IgnoreInaccessible = false }).Order(StringComparer.Ordinal)];
}
