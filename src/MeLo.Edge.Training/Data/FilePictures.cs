using System.Security.Cryptography;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Training.Data;

/// <summary>Pictures that lie in files. What they are is told by their first bytes, not by their names.</summary>
internal sealed class FilePictures : IPictures
{
    private readonly string _source;
    private readonly IReadOnlyList<PictureFile> _files;
    private readonly DecodeLimits _limits;
    private string[] _digests = [];
    private string?[] _patients = [];

    private FilePictures(string source, IReadOnlyList<PictureFile> files, DatasetOptions options) => (_source, _files, _limits, Dicom) = (source, files, options.Limits, options.Dicom);

    /// <summary>Reads every file once, on all cores: what it is, the digest of its bytes, and of DICOM whose it is.</summary>
    /// <param name="source">The dataset.</param>
    /// <param name="files">The samples' files, in their order.</param>
    /// <param name="options">What a picture may cost, and what is done with DICOM.</param>
    /// <exception cref="DatasetException">Files are not there, or no pictures; the message lists them up to a limit.</exception>
    public static FilePictures Open(string source, IReadOnlyList<PictureFile> files, DatasetOptions options)
    {
        string?[] faults = new string?[files.Count];
        string[] digests = new string[files.Count];
        string?[] patients = new string?[files.Count];
        Parallel.For(0, files.Count, i =>
        {
            try
            {
                byte[] bytes = ReadFile(files[i], options.Limits);
                if (!DicomDecoder.IsDicom(bytes)) _ = ImageSignature.Identify(bytes);
                else if (options.Dicom is null) throw ImageException.DicomNotTaken("a picture, or --dicom to say which values of DICOM images are black and white");
                digests[i] = Convert.ToHexStringLower(SHA256.HashData(bytes));
                // Not by the issuer too: a file without one would be of another patient.
                if (options.DicomPatients) patients[i] = DicomExamination.Read(bytes, options.Limits)?.PatientId;
            }
            catch (Exception e) when (IsOfTheFile(e))
            {
                faults[i] = Fault(files[i], e);
            }
        });
        string[] found = [.. faults.OfType<string>()];
        if (found.Length > 0) throw DatasetException.Of(source, found);
        // Of a file that does not say whose it is, the copies are together at least.
        string[] known = [.. patients.OfType<string>()];
        if (known.Length > 0)
            for (int i = 0; i < patients.Length; i++) patients[i] ??= digests[i];
        return new FilePictures(source, files, options) { _digests = digests, _patients = patients, Patients = known.Distinct(StringComparer.Ordinal).Count(), WithoutPatient = files.Count - known.Length };
    }

    /// <summary>How many patients the DICOM files are of; 0 where they do not say it, or were not asked.</summary>
    public int Patients { get; private init; }

    /// <summary>How many files do not say whose they are.</summary>
    public int WithoutPatient { get; private init; }

    /// <summary>Which values of DICOM images are black and white; null where there are none.</summary>
    public DicomVoi? Dicom { get; }

    /// <summary>A file's sample with what the file says itself: its digest, and, where the dataset does not say it, whose picture it is.</summary>
    /// <param name="file">The file's place among all.</param>
    /// <param name="sample">What the dataset says of it.</param>
    public Sample Describe(int file, Sample sample) => sample with { Content = _digests[file], Patient = sample.Patient ?? _patients[file] };

    public PixelBuffer Read(int sample, int slice)
    {
        PictureFile file = _files[sample];
        try
        {
            byte[] bytes = ReadFile(file, _limits);
            return Dicom is { } voi && DicomDecoder.IsDicom(bytes) ? DicomDecoder.Decode(bytes, voi, _limits) : RasterDecoder.Decode(bytes, _limits);
        }
        catch (Exception e) when (IsOfTheFile(e))
        {
            throw DatasetException.Of(_source, Fault(file, e), e);
        }
    }

    private static byte[] ReadFile(PictureFile file, DecodeLimits limits)
    {
        // Before all of it is read: it may be anything, or have grown.
        long length = PictureFile.LengthOf(file.Path);
        limits.CheckFile(length);
        return length == 0 ? [] : File.ReadAllBytes(file.Path);
    }

    private static bool IsOfTheFile(Exception e) => e is IOException or UnauthorizedAccessException || e is ImageException { IsFileAtFault: true };

    private static string Fault(PictureFile file, Exception e) => $"'{file.Id}': {(e is FileNotFoundException or DirectoryNotFoundException ? "there is no such file" : e.Message)}";
}

/// <summary>A file of one picture.</summary>
/// <param name="Id">Its sample's name.</param>
/// <param name="Path">Where it is.</param>
internal readonly record struct PictureFile(string Id, string Path)
{
    /// <summary>A file's length in bytes, also behind a link. Pipes and devices have none, and may have no end: of length 0, a file is not to be opened.</summary>
    public static long LengthOf(string path)
    {
        FileInfo info = new(path);
        return (info.LinkTarget is null ? info : (FileInfo?)info.ResolveLinkTarget(returnFinalTarget: true) ?? info).Length;
    }
}
