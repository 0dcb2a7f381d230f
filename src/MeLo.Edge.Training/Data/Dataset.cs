using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using MeLo.Edge.Dicom;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>Pictures or volumes with their labels. Immutable; safe for concurrent use.</summary>
internal sealed class Dataset
{
    /// <summary>The most labels: more than any head has, and few enough for a row of targets a sample.</summary>
    public const int MaxLabels = 1000;

    private Dataset(
        string description, string source, IReadOnlyList<string> labels, bool isMultiLabel, IReadOnlyList<Sample> samples, string digest, IPictures pictures, string? notice) =>
        (Description, Source, Labels, IsMultiLabel, Samples, Digest, Pictures, Notice) = (description, source, labels, isMultiLabel, samples, digest, pictures, notice);

    /// <summary>Where it is from and what it holds, in one line, and its notice behind it.</summary>
    public string Description { get; }

    /// <summary>What must not be forgotten about it, in one line; null where nothing was said (<see cref="DatasetNotice"/>).</summary>
    public string? Notice { get; }

    /// <summary>What to call it in messages.</summary>
    public string Source { get; }

    /// <summary>The classes' names, two at least for single-label data.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Whether a sample can have any number of labels, none included, instead of exactly one.</summary>
    public bool IsMultiLabel { get; }

    /// <inheritdoc cref="IPictures.Volume"/>
    public VolumeRecipe? Volume => Pictures.Volume;

    /// <summary>Pictures a sample: 1, or the slices of a volume.</summary>
    public int Slices => Volume?.Pictures ?? 1;

    /// <summary>The samples, in an order that depends on nothing but the data.</summary>
    public IReadOnlyList<Sample> Samples { get; }

    /// <summary>
    /// SHA-256 in lowercase hexadecimal over the samples: names, labels, patients, parts and contents; and over the choice of slices. What tells that a
    /// run is continued with the data it began with.
    /// </summary>
    public string Digest { get; }

    /// <summary>Where the pixels come from.</summary>
    public IPictures Pictures { get; }

    /// <summary>Which values of its DICOM images are black and white; null where it takes none.</summary>
    public DicomVoi? Dicom => (Pictures as FilePictures)?.Dicom;

    /// <summary>Whose its samples are, in words: how many patients, and who says so.</summary>
    public string Patients => Samples[0].Patient is null ? "not told apart" : (Pictures as FilePictures)?.DicomPatients ?? $"{Samples.Select(s => s.Patient).Distinct().Count()}";

    /// <summary>Whether the samples' patients come from DICOM files, whose IDs may mean nothing.</summary>
    public bool HasDicomPatients => Pictures is FilePictures { DicomPatients: not null };

    /// <summary>Pictures that are slices of a stack, and of how many series.</summary>
    public (int Pictures, int Series) Stacks => (Pictures as FilePictures)?.Stacks ?? default;

    /// <summary>
    /// Opens a folder with a folder of pictures or volumes for each class, perhaps below <c>train</c>, <c>val</c> and <c>test</c>; a <c>.csv</c> file with paths and labels; or an <c>.npz</c> file
    /// as MedMNIST has them. They are not decoded yet.
    /// </summary>
    /// <param name="path">The folder or file.</param>
    /// <param name="options">What it does not say itself.</param>
    /// <exception cref="DatasetException">There is none, or it is not a dataset; the message lists every fault up to a limit.</exception>
    public static Dataset Open(string path, DatasetOptions options)
    {
        try
        {
            bool isFolder = Directory.Exists(path);
            if (!isFolder && !File.Exists(path)) throw DatasetException.Of(path, "found neither a file nor a folder");
            string kind = isFolder ? "" : Path.GetExtension(path).ToUpperInvariant();
            string?[] columns = [options.PathColumn, options.SplitColumn, options.PatientColumn, .. options.LabelColumns];
            // Ignored, a column of patients would leave one's pictures in several parts.
            if (kind != ".CSV" && columns.OfType<string>().FirstOrDefault() is { } column)
                throw DatasetException.Of(path, $"found {(isFolder ? "a folder" : "a file")} without columns, expected a .csv file for the column '{column}' that was asked for");
            if (isFolder) return FolderSource.Open(path, options);
            return kind switch
            {
                ".CSV" => CsvSource.Open(path, options),
                ".NPZ" => NpzSource.Open(path, options),
                _ => throw DatasetException.Of(path, "found a file of another kind, expected a folder with a folder for each class, a .csv or an .npz file"),
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DatasetException.Of(path, e.Message, e);
        }
    }

    /// <summary>A dataset that a program makes.</summary>
    /// <param name="source">What to call it.</param>
    /// <param name="labels">The classes' names.</param>
    /// <param name="isMultiLabel">Whether a sample can have any number of labels.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="pictures">The pixels.</param>
    /// <param name="notice">What must not be forgotten about it; null for nothing.</param>
    /// <exception cref="DatasetException">Something does not fit; the message lists every fault.</exception>
    public static Dataset Of(
        string source, IReadOnlyList<string> labels, bool isMultiLabel, IReadOnlyList<Sample> samples, IPictures pictures, string? notice = null)
    {
        int fewest = isMultiLabel ? 1 : 2;
        List<string> faults = [];
        if (labels.Count < fewest || labels.Count > MaxLabels) faults.Add($"found {(labels.Count == 1 ? "1 label" : $"{labels.Count} labels")}, expected {fewest} to {MaxLabels}");
        if (labels.Any(string.IsNullOrWhiteSpace) || labels.Distinct(StringComparer.Ordinal).Count() != labels.Count) faults.Add($"found the labels {string.Join(", ", labels)}, expected different names");
        if (samples.Count == 0) faults.Add("found no samples");
        if (samples.FirstOrDefault(s => !Fits(s.Targets)) is { } wrong)
            faults.Add($"'{wrong.Id}': found targets [{string.Join(',', wrong.Targets.Take(MaxLabels))}], expected {labels.Count}, each 0 or 1{(isMultiLabel ? "" : ", and a single 1")}");
        if (samples.Select(s => s.Part is null).Distinct().Count() > 1) faults.Add("found samples with a part and others without, expected all or none");
        if (samples.Select(s => s.Patient is null).Distinct().Count() > 1) faults.Add("found samples with a patient and others without, expected all or none");
        if (faults.Count > 0) throw DatasetException.Of(source, faults);

        string description = string.Create(CultureInfo.InvariantCulture, $"{source}: {samples.Count} {pictures.Kind}, {labels.Count} {(isMultiLabel ? "labels, any number a sample" : "classes")}{(notice is null ? "" : $". {notice}")}");
        return new Dataset(description, source, labels, isMultiLabel, samples, DigestOf([pictures.Volume is null ? "" : pictures.Kind, .. labels], samples), pictures, notice);

        bool Fits(float[] targets) => targets.Length == labels.Count && targets.All(t => t is 0 or 1) && (isMultiLabel || targets.Sum() == 1);
    }

    /// <summary>The names of samples that show the same and are not labelled the same.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Contradictions() =>
    [
        .. from sample in Samples
           where sample.Content is not null
           group sample by sample.Content into copies
           let different = copies.DistinctBy(Labelling).Select(s => s.Id).ToArray()
           where different.Length > 1
           select different,
    ];

    // A digit a label.
    private static string Labelling(Sample sample) => string.Concat(sample.Targets.Select(t => t > 0 ? '1' : '0'));

    private static string DigestOf(IEnumerable<string> head, IReadOnlyList<Sample> samples)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string text in head) Add(text);
        foreach (Sample sample in samples)
        {
            Add(sample.Id);
            Add(Labelling(sample));
            Add(sample.Patient ?? "");
            Add(sample.Part?.ToString() ?? "");
            Add(sample.Content ?? "");
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        // With its length, so that no two lists of texts are the same bytes.
        void Add(string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }
    }
}
