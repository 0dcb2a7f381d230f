using System.Security.Cryptography;
using System.Text;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Training.Data;

/// <summary>What the files of a sample say of themselves.</summary>
/// <param name="Digest">SHA-256 in hexadecimal of the file; of several, over theirs in order, so that a series is known again in a folder and in an archive.</param>
/// <param name="Patient">Patient ID of DICOM files; null where they do not say it.</param>
/// <param name="Series">SeriesInstanceUID of DICOM files; null where they do not say it.</param>
/// <param name="IsSlice">Whether it is a DICOM image that says where it lies in the patient, as those of a stack do.</param>
/// <param name="IsSeries">Whether it is all slices of a series.</param>
internal sealed record SampleFacts(string Digest, string? Patient, string? Series, bool IsSlice, bool IsSeries)
{
    private const string AskForDicom = "--dicom to say which values of DICOM images are black and white";

    /// <summary>Reads the files once: that they are pictures, and what they say.</summary>
    /// <exception cref="ImageException">They are none, or broken, or DICOM that nobody asked for.</exception>
    /// <exception cref="IOException">They cannot be read.</exception>
    public static SampleFacts OfPicture(SampleFiles files, DatasetOptions options)
    {
        byte[] bytes = files.Read(options.Limits).Single().Bytes;
        if (DicomDecoder.IsDicom(bytes)) return options.Dicom is not null ? OfDicom(bytes, options.Limits) : throw ImageException.DicomNotTaken($"a picture, or {AskForDicom}");
        if (VolumeDecoder.IsOne(bytes))
            throw ImageException.VolumeNotTaken("what may be a volume (NIfTI or gzip, an array of NumPy, a ZIP file), expected a picture, or --slices to say how many slices of volumes are looked at");
        _ = ImageSignature.Identify(bytes);
        return OfBytes(bytes);
    }

    /// <summary>Reads the files once: that they are a volume, as far as their beginnings tell, and what they say.</summary>
    /// <exception cref="DatasetException">A slice is none, or broken: the message names its file.</exception>
    /// <exception cref="ImageException">The file is none, or broken, or DICOM that nobody asked for.</exception>
    /// <exception cref="IOException">They cannot be read.</exception>
    public static SampleFacts OfVolume(SampleFiles files, DatasetOptions options)
    {
        if (files.IsSeries) return OfSeries(files, options);
        byte[] bytes = files.Read(options.Limits).Single().Bytes;
        VolumeDecoder.CheckKind(bytes);
        bool isArchive = SeriesArchive.IsOne(bytes);
        if (options.Dicom is null && isArchive) throw ImageException.VolumeNotTaken($"a ZIP file, expected an array of bytes, or {AskForDicom} if it holds a series");
        if (options.Dicom is null && DicomDecoder.IsDicom(bytes)) throw ImageException.DicomNotTaken($"an array of bytes, or {AskForDicom}");
        if (isArchive) return Together(SeriesArchive.Read(bytes, options.Limits).Select(slice => OfDicom(slice, options.Limits)));
        return DicomDecoder.IsDicom(bytes) ? OfDicom(bytes, options.Limits) : OfBytes(bytes);
    }

    // A slice at a time is in memory.
    private static SampleFacts OfSeries(SampleFiles files, DatasetOptions options)
    {
        List<SampleFacts> slices = [];
        foreach ((string path, byte[] bytes) in files.Read(options.Limits))
        {
            try
            {
                if (!DicomDecoder.IsDicom(bytes)) throw ImageException.VolumeNotTaken($"a file that begins as no DICOM file does, expected the slices of a series alone in '{files.Id}'");
                if (options.Dicom is null) throw ImageException.DicomNotTaken($"an array of bytes, or {AskForDicom}");
                slices.Add(OfDicom(bytes, options.Limits));
            }
            catch (ImageException e) when (e.IsFileAtFault)
            {
                throw DatasetException.Of(files.Id, $"'{files.Id.TrimEnd('/')}/{Path.GetFileName(path)}': {e.Message}", e);
            }
        }
        return slices.Count > 0 ? Together(slices) : throw new IOException("found no file in the folder, expected the slices of a DICOM series");
    }

    private static SampleFacts Together(IEnumerable<SampleFacts> slices)
    {
        SampleFacts[] all = [.. slices];
        string[] digests = [.. all.Select(s => s.Digest).Distinct().Order(StringComparer.Ordinal)];
        string digest = digests is [var one] ? one : Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(digests))));
        return all[0] with { Digest = digest, IsSeries = true };
    }

    private static SampleFacts OfDicom(ReadOnlyMemory<byte> bytes, DecodeLimits limits)
    {
        DicomDataSet set = DicomFile.Open(bytes, limits).DataSet;
        DicomExamination says = DicomExamination.Of(set);
        return OfBytes(bytes.Span) with { Patient = says.PatientId, Series = says.SeriesInstanceUid, IsSlice = set.Numbers(DicomTag.ImagePositionPatient).Length > 0 };
    }

    private static SampleFacts OfBytes(ReadOnlySpan<byte> bytes) => new(Convert.ToHexStringLower(SHA256.HashData(bytes)), Patient: null, Series: null, IsSlice: false, IsSeries: false);
}
