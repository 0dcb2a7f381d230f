using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>Pictures, or volumes, that lie in files. What they are is told by their first bytes, not by their names.</summary>
internal sealed class FilePictures : IPictures
{
    // A volume takes several times its file while it is decoded, which keeps all cores busy by itself.
    private const int MostVolumes = 2;

    // Of the process, as its memory is.
    private static readonly SemaphoreSlim s_volumes = new(MostVolumes);

    private readonly string _source;
    private readonly IReadOnlyList<SampleFiles> _files;
    private readonly DecodeLimits _limits;
    private readonly SampleFacts[] _facts;
    private readonly string?[] _patients;

    private FilePictures(string source, IReadOnlyList<SampleFiles> files, DatasetOptions options)
    {
        (_source, _files, _limits, Dicom) = (source, files, options.Limits, options.Dicom);
        if (options.Slices is { } slices) Volume = new VolumeRecipe(options.Axes, slices, SliceAggregation.MeanLogits);
        _facts = Facts(options);
        if (Volume is not null && ScatteredSeries().ToArray() is { Length: > 0 } scattered) throw DatasetException.Of(source, scattered);
        _patients = options.DicomPatients ? Patients() : new string?[files.Count];
    }

    /// <summary>Reads every file once, on all cores: what it is, the digest of its bytes, and of DICOM whose it is.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="files">The samples' files, in their order.</param>
    /// <param name="options">What a picture may cost, what is done with DICOM, and whether the samples are volumes.</param>
    /// <exception cref="DatasetException">Files are not there, or not what was expected; the message lists them up to a limit.</exception>
    public static FilePictures Open(string source, IReadOnlyList<SampleFiles> files, DatasetOptions options) => new(source, files, options);

    /// <summary>What the DICOM files say of the patients they are of, in words; null where they say nothing, or were not asked.</summary>
    public string? DicomPatients { get; private set; }

    /// <summary>Which values of DICOM images are black and white; null where there are none.</summary>
    public DicomVoi? Dicom { get; }

    public VolumeRecipe? Volume { get; }

    public string Kind => Volume is null ? "pictures" : $"volumes, {Volume.Pictures} slices ({Volume.Axes.ToString().ToLowerInvariant()})";

    /// <summary>Pictures that are slices of a stack, with others of the same series, and of how many series.</summary>
    public (int Pictures, int Series) Stacks
    {
        get
        {
            int[] stacks = Volume is null ? [.. _facts.Where(f => f is { IsSlice: true, Series: not null }).CountBy(f => f.Series!).Select(s => s.Value).Where(slices => slices > 1)] : [];
            return (stacks.Sum(), stacks.Length);
        }
    }

    /// <summary>A file's sample with what the file says itself: its digest, and, where the dataset does not say it, whose picture it is.</summary>
    /// <param name="file">The file's place among all.</param>
    /// <param name="sample">What the dataset says of it.</param>
    public Sample Describe(int file, Sample sample) => sample with { Content = _facts[file].Digest, Patient = sample.Patient ?? _patients[file] };

    public IEnumerable<PixelBuffer> Read(int sample)
    {
        if (Volume is null)
        {
            yield return Decode(sample, file => Dicom is { } voi && DicomDecoder.IsDicom(file) ? DicomDecoder.Decode(file, voi, _limits) : RasterDecoder.Decode(file, _limits));
            yield break;
        }
        s_volumes.Wait();
        try
        {
            (Volume volume, VolumeSlices slices) = DecodeVolume(sample);
            for (int i = 0; i < slices.Count; i++) yield return volume.Cut(slices, i);
        }
        finally
        {
            s_volumes.Release();
        }
    }

    private (Volume, VolumeSlices) DecodeVolume(int sample) => Guarded(_files[sample], () =>
    {
        ReadOnlyMemory<byte>[] files = [.. _files[sample].Read(_limits).Select(f => (ReadOnlyMemory<byte>)f.Bytes)];
        Volume volume = _files[sample].IsSeries ? VolumeDecoder.DecodeSeries(files, Dicom, _limits) : VolumeDecoder.Decode(files[0], Dicom, _limits);
        return (volume, VolumeSlices.Of(volume, Volume!));
    });

    private PixelBuffer Decode(int sample, Func<byte[], PixelBuffer> decode) => Guarded(_files[sample], () => decode(_files[sample].Read(_limits).Single().Bytes));

    private SampleFacts[] Facts(DatasetOptions options)
    {
        SampleFacts[] facts = new SampleFacts[_files.Count];
        EverySample.Do(
            _source,
            facts.Length,
            Volume is null ? -1 : MostVolumes,
            i => facts[i] = Guarded(_files[i], () => Volume is null ? SampleFacts.OfPicture(_files[i], options) : SampleFacts.OfVolume(_files[i], options)),
            CancellationToken.None);
        return facts;
    }

    // Half of a series is no volume, and the other half would be another sample of the same patient.
    private IEnumerable<string> ScatteredSeries() =>
        from sample in _facts.Zip(_files)
        where sample.First is { IsSeries: true, Series: not null }
        group sample by sample.First.Series into series
        let different = series.DistinctBy(s => s.First.Digest).Select(s => $"'{s.Second.Id}'").ToArray()
        where different.Length > 1
        select $"{string.Join(" and ", different)} have slices of one series (SeriesInstanceUID), expected all of a series in one folder";

    // Not by the issuer too: a file without one would be of another patient. Of files that do not say whose they are those of a series are together at least, and copies.
    private string?[] Patients()
    {
        int known = _facts.Count(f => f.Patient is not null);
        if (_facts.All(f => f.Patient is null && f.Series is null)) return new string?[_facts.Length];
        DicomPatients = known == 0 ? "not told by the DICOM files, of which those of a series count as one's"
            : $"{_facts.Select(f => f.Patient).OfType<string>().Distinct(StringComparer.Ordinal).Count()} by their DICOM files{(known < _facts.Length ? $", {_facts.Length - known} files do not say whose they are" : "")}";
        return [.. _facts.Select(f => f.Patient ?? (f.Series is null ? f.Digest : $"series {f.Series}"))];
    }

    // What is wrong with a file is said with its name.
    private T Guarded<T>(SampleFiles files, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DatasetException e)
        {
            throw DatasetException.Of(_source, e.Fault, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException || e is ImageException { IsFileAtFault: true })
        {
            throw DatasetException.Of(_source, $"'{files.Id}': {Fault(files, e)}", e);
        }
    }

    // A user of options knows nothing of a bundle's fields.
    private static string Fault(SampleFiles files, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => Directory.Exists(files.Paths[0]) ? "is a folder, expected a picture, or --slices for volumes, of which a series is a folder" : "there is no such file",
        ImageException { Fault: ImageFault.OverLimit } when e.Message.Contains("bytes", StringComparison.Ordinal) => $"{e.Message}; --max-file-megabytes takes larger ones",
        _ => e.Message.Replace(VolumeDecoder.Unsaid, "nothing says which values are black and white (--dicom)", StringComparison.Ordinal),
    };
}
