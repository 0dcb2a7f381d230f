using System.Security.Cryptography;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>Pictures, or volumes, that lie in files. What they are is told by their first bytes, not by their names.</summary>
internal sealed class FilePictures : IPictures
{
    private readonly string _source;
    private readonly IReadOnlyList<SampleFiles> _files;
    private readonly DecodeLimits _limits;
    private string[] _digests = [];
    private string?[] _patients = [];

    private FilePictures(string source, IReadOnlyList<SampleFiles> files, DatasetOptions options)
    {
        (_source, _files, _limits, Dicom) = (source, files, options.Limits, options.Dicom);
        if (options.Slices is not { } slices) return;
        if (slices > VolumeRecipe.MaxSlices) throw DatasetException.Of("slices", $"found {slices}, expected 1 to {VolumeRecipe.MaxSlices}");
        Volume = new VolumeRecipe(options.Axes, slices, SliceAggregation.MeanLogits);
    }

    /// <summary>Reads every file once, on all cores: what it is, the digest of its bytes, and of DICOM whose it is.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="files">The samples' files, in their order.</param>
    /// <param name="options">What a picture may cost, what is done with DICOM, and whether the samples are volumes.</param>
    /// <exception cref="DatasetException">Files are not there, or not what was expected; the message lists them up to a limit.</exception>
    public static FilePictures Open(string source, IReadOnlyList<SampleFiles> files, DatasetOptions options)
    {
        FilePictures pictures = new(source, files, options);
        string?[] faults = new string?[files.Count];
        string[] digests = new string[files.Count];
        string?[] patients = new string?[files.Count];
        Parallel.For(0, files.Count, i =>
        {
            try
            {
                byte[] bytes = files[i].Read(options.Limits);
                pictures.CheckKind(bytes);
                digests[i] = Convert.ToHexStringLower(SHA256.HashData(bytes));
                if (options.DicomPatients) patients[i] = pictures.Patient(bytes);
            }
            catch (Exception e) when (IsOfTheFile(e))
            {
                faults[i] = pictures.Fault(files[i], e);
            }
        });
        string[] found = [.. faults.OfType<string>()];
        if (found.Length > 0) throw DatasetException.Of(source, found);
        // Of a file that does not say whose it is, the copies are together at least.
        string[] known = [.. patients.OfType<string>()];
        if (known.Length > 0)
            for (int i = 0; i < patients.Length; i++) patients[i] ??= digests[i];
        (pictures._digests, pictures._patients) = (digests, patients);
        (pictures.Patients, pictures.WithoutPatient) = (known.Distinct(StringComparer.Ordinal).Count(), files.Count - known.Length);
        return pictures;
    }

    /// <summary>How many patients the DICOM files are of; 0 where they do not say it, or were not asked.</summary>
    public int Patients { get; private set; }

    /// <summary>How many files do not say whose they are.</summary>
    public int WithoutPatient { get; private set; }

    /// <summary>Which values of DICOM images are black and white; null where there are none.</summary>
    public DicomVoi? Dicom { get; }

    public VolumeRecipe? Volume { get; }

    public string Kind => Volume is null ? "pictures" : $"volumes, {Volume.Pictures} slices ({Volume.Axes.ToString().ToLowerInvariant()})";

    /// <summary>A file's sample with what the file says itself: its digest, and, where the dataset does not say it, whose picture it is.</summary>
    /// <param name="file">The file's place among all.</param>
    /// <param name="sample">What the dataset says of it.</param>
    public Sample Describe(int file, Sample sample) => sample with { Content = _digests[file], Patient = sample.Patient ?? _patients[file] };

    public IEnumerable<PixelBuffer> Read(int sample)
    {
        if (Volume is null)
        {
            yield return Decode(sample, bytes => Dicom is { } voi && DicomDecoder.IsDicom(bytes) ? DicomDecoder.Decode(bytes, voi, _limits) : RasterDecoder.Decode(bytes, _limits));
            yield break;
        }
        (Volume volume, VolumeSlices slices) = Decode(sample, bytes =>
        {
            Volume decoded = VolumeDecoder.Decode(bytes, Dicom, _limits);
            return (decoded, VolumeSlices.Of(decoded, Volume));
        });
        for (int i = 0; i < slices.Count; i++) yield return volume.Cut(slices, i);
    }

    private T Decode<T>(int sample, Func<byte[], T> decode)
    {
        try
        {
            return decode(_files[sample].Read(_limits));
        }
        catch (Exception e) when (IsOfTheFile(e))
        {
            throw DatasetException.Of(_source, Fault(_files[sample], e), e);
        }
    }

    private void CheckKind(byte[] bytes)
    {
        bool isDicom = DicomDecoder.IsDicom(bytes) || (Volume is not null && SeriesArchive.IsOne(bytes));
        if (isDicom && Dicom is null) throw ImageException.DicomNotTaken($"{(Volume is null ? "a picture" : "an array of bytes")}, or --dicom to say which values of DICOM images are black and white");
        if (isDicom) return;
        if (Volume is not null) VolumeDecoder.CheckKind(bytes);
        else if (VolumeDecoder.IsOne(bytes)) throw ImageException.VolumeNotTaken("what may be a volume (NIfTI or gzip, an array of NumPy, a ZIP file), expected a picture, or --slices to say how many slices of volumes are looked at");
        else _ = ImageSignature.Identify(bytes);
    }

    // Not by the issuer too: a file without one would be of another patient.
    private string? Patient(byte[] bytes) =>
        DicomExamination.Read(Volume is not null && SeriesArchive.IsOne(bytes) ? SeriesArchive.Read(bytes, _limits)[0] : bytes, _limits)?.PatientId;

    private static bool IsOfTheFile(Exception e) => e is IOException or UnauthorizedAccessException || e is ImageException { IsFileAtFault: true };

    private string Fault(SampleFiles file, Exception e)
    {
        string fault = e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message;
        // What a bundle would have to say is said by an option here.
        return $"'{file.Id}': {(Dicom is null ? fault.Replace("(input.dicom)", "(--dicom)", StringComparison.Ordinal) : fault)}";
    }
}
