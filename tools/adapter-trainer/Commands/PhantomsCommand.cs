using System.CommandLine;
using System.CommandLine.Parsing;
using MeLo.Edge.Phantoms;

namespace AdapterTrainer.Commands;

/// <summary><c>phantoms</c>: draws a set of pictures to train with.</summary>
internal sealed class PhantomsCommand : ToolCommand
{
    // Of volumes: 134 million voxels.
    private const int LargestSize = 4096, LargestVolume = 512;

    private static readonly Phantom[] s_kinds = [.. Phantom.Tasks, Phantom.Pretraining];

    private readonly Option<string> _task = new("--task")
    {
        Description = "What to draw: one of the demonstration's tasks, volumes of an organ, or the pictures that the demonstration's base is pretrained on.", Required = true,
        HelpName = string.Join('|', s_kinds.Select(k => k.Name).Append(OrganPhantom.Name)),
    };

    // Their list alone takes 24 bytes each.
    private const int MostSamples = 10_000_000;

    private readonly Option<int> _count = new("--count") { Description = "How many samples, of every class as many, or one more or less.", Required = true, HelpName = "N", CustomParser = NumberOption.Whole };
    private readonly Option<int> _seed = new("--seed") { Description = "Another set for every seed; the same for the same, on every machine.", DefaultValueFactory = _ => 1, HelpName = "S", CustomParser = NumberOption.Whole };
    private readonly Option<int> _size = new("--size") { Description = $"Height and width (and depth, of volumes, at most {LargestVolume}) in pixels. Default: 64, volumes 28.", HelpName = "PX", CustomParser = NumberOption.WholeUpTo(LargestSize) };

    private readonly Option<string> _out = new("--out")
    {
        Description = "A new folder, for a folder of PNG files per class and labels.csv (path, label, split); or a file NAME.npz as MedMNIST's. Volumes take a file.", Required = true, HelpName = "FOLDER|FILE.npz",
    };

    public PhantomsCommand()
        : base("phantoms", "Draws pictures that look like medical ones, with their labels. " + PhantomSet.Notice)
    {
        _task.AcceptOnlyFromAmong([.. s_kinds.Select(k => k.Name), OrganPhantom.Name]);
        Add(_task);
        Add(_count);
        Add(_seed);
        Add(_size);
        Add(_out);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-trainer phantoms --task blood-cell --count 4000 --size 64 --out phantoms/blood-cell",
        "adapter-trainer phantoms --task pretraining --count 32000 --seed 7 --out phantoms/pretraining.npz",
        "adapter-trainer phantoms --task organ-mass --count 1000 --out phantoms/organ-mass.npz",
        "",
        "Of every twenty samples of a class, 14 are to train with, 3 to validate and 3 to test.",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        string task = parsed.GetRequiredValue(_task), path = parsed.GetRequiredValue(_out);
        int count = parsed.GetValue(_count), given = parsed.GetValue(_size);
        if (count > MostSamples) throw UsageException.Options($"--count: found {count}, expected at most {MostSamples}.");
        bool isFile = Path.GetExtension(path).Equals(".npz", StringComparison.OrdinalIgnoreCase);
        Phantom? kind = Array.Find(s_kinds, k => k.Name == task);
        if (kind is null && !isFile) throw UsageException.Options($"--out: found '{path}', expected a name that ends with .npz: volumes are no pictures.");
        if (kind is null && given > LargestVolume) throw UsageException.Options($"--size: found {given}, expected at most {LargestVolume} for volumes.");
        if (File.Exists(path) || (Directory.Exists(path) && (isFile || Directory.EnumerateFileSystemEntries(path).Any())))
            throw RefusedException.File(path, $"found something at {path}, expected {(isFile ? "no file yet" : "no folder yet, or an empty one")}");
        IReadOnlyList<string> labels = kind?.Labels ?? OrganPhantom.Labels;
        int size = given > 0 ? given : kind is null ? 28 : 64;
        IReadOnlyList<PhantomSample> samples = PhantomSet.Of((ulong)parsed.GetValue(_seed), labels.Count, count);
        if (!isFile) WriteFolder(path, kind!, samples, size, cancellation);
        else WriteFile(path, kind, samples, size, cancellation);
        output.WriteLine($"{path}: {count} samples of {labels.Count} classes, {size} pixels");
        foreach (IGrouping<PhantomPart, PhantomSample> part in samples.GroupBy(s => s.Part)) output.WriteLine($"  {part.Key.ToString().ToLowerInvariant(),-10} {part.Count()}");
        output.WriteLine(PhantomSet.Notice);
        return ToolProgram.Done;
    }

    private static void WriteFile(string path, Phantom? kind, IReadOnlyList<PhantomSample> samples, int size, CancellationToken cancellation)
    {
        int[] shape = kind is null ? [size, size, size] : kind.IsColour ? [size, size, 3] : [size, size];
        string temporary = Partial(path);
        try
        {
            using (FileStream file = new(temporary, FileMode.CreateNew, FileAccess.ReadWrite))
            {
                MedMnistFile.Write(
                    file, samples, shape, s => kind is null ? OrganPhantom.Draw(s.Seed, s.Label, size).Voxels : [.. kind.Draw(s.Seed, s.Label, size, size).Samples.Select(v => (byte)(v >> 8))], cancellation);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static void WriteFolder(string path, Phantom kind, IReadOnlyList<PhantomSample> samples, int size, CancellationToken cancellation)
    {
        // An empty folder that is there may be a link, or another disk: it is filled, and its list comes last.
        bool isThere = Directory.Exists(path);
        string temporary = isThere ? Path.Combine(path, PartialName()) : Partial(path);
        try
        {
            PhantomFolder.Write(temporary, kind, samples, size, cancellation);
            if (!isThere)
            {
                Directory.Move(temporary, path);
                return;
            }
            foreach (string folder in Directory.GetDirectories(temporary)) Directory.Move(folder, Path.Combine(path, Path.GetFileName(folder)));
            foreach (string file in Directory.GetFiles(temporary).OrderBy(f => Path.GetFileName(f) == PhantomFolder.ListName)) File.Move(file, Path.Combine(path, Path.GetFileName(file)));
            Directory.Delete(temporary);
        }
        catch
        {
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
            throw;
        }
    }

    // Beside what is written.
    private static string Partial(string path) =>
        Path.Combine(Directory.CreateDirectory(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))!).FullName, PartialName());

    // Hidden, and short, so that every name that the file system takes can be written.
    private static string PartialName() => $".{Path.GetRandomFileName()}.partial";
}
