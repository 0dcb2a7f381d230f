using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>
/// Who and what a DICOM file is of: its patient, study, series and image (PS3.3, C.7.1 to C.7.3), as the file says it, in Unicode; null is what the file does not say. Control characters are
/// spaces. Everything in here is about a person: it is not for logs.
/// </summary>
public sealed record DicomExamination
{
    /// <summary>Patient ID (0010,0020).</summary>
    public string? PatientId { get; private init; }

    /// <summary>Issuer of Patient ID (0010,0021).</summary>
    public string? PatientIdIssuer { get; private init; }

    /// <summary>Patient's Name (0010,0010): up to three groups divided by <c>=</c>, each of up to five components divided by <c>^</c> (PS3.5, section 6.2.1).</summary>
    public string? PatientName { get; private init; }

    /// <summary>Patient's Birth Date (0010,0030), <c>YYYYMMDD</c> where the file is right.</summary>
    public string? PatientBirthDate { get; private init; }

    /// <summary>Patient's Sex (0010,0040): <c>M</c>, <c>F</c> or <c>O</c> where the file is right.</summary>
    public string? PatientSex { get; private init; }

    /// <summary>Study Instance UID (0020,000D).</summary>
    public string? StudyInstanceUid { get; private init; }

    /// <summary>Accession Number (0008,0050).</summary>
    public string? AccessionNumber { get; private init; }

    /// <summary>Study Description (0008,1030).</summary>
    public string? StudyDescription { get; private init; }

    /// <summary>Study Date (0008,0020).</summary>
    public string? StudyDate { get; private init; }

    /// <summary>Study Time (0008,0030).</summary>
    public string? StudyTime { get; private init; }

    /// <summary>The date on which the image was made: of the acquisition (0008,0022), or else of the content (0008,0023), of the series (0008,0021), or of the study.</summary>
    public string? ImageDate { get; private init; }

    /// <summary>The time that goes with <see cref="ImageDate"/>.</summary>
    public string? ImageTime { get; private init; }

    /// <summary>Series Instance UID (0020,000E).</summary>
    public string? SeriesInstanceUid { get; private init; }

    /// <summary>Modality (0008,0060).</summary>
    public string? Modality { get; private init; }

    /// <summary>SOP Class UID (0008,0016).</summary>
    public string? SopClassUid { get; private init; }

    /// <summary>SOP Instance UID (0008,0018).</summary>
    public string? SopInstanceUid { get; private init; }

    /// <summary>Timezone Offset From UTC (0008,0201).</summary>
    public string? TimezoneOffset { get; private init; }

    /// <summary>Reads what a file says.</summary>
    /// <param name="file">The file.</param>
    /// <returns>Null where it is no DICOM file.</returns>
    /// <exception cref="ImageException">It is a broken one, or a value is longer than any of these are: to leave it out would be another patient.</exception>
    public static DicomExamination? Read(ReadOnlyMemory<byte> file) => Read(file, DecodeLimits.Default with { MaxFileBytes = Array.MaxLength });

    /// <summary>The same within limits.</summary>
    internal static DicomExamination? Read(ReadOnlyMemory<byte> file, DecodeLimits limits)
    {
        return DicomFile.IsOne(file.Span) ? Of(DicomFile.Open(file, limits).DataSet) : null;
    }

    /// <summary>What a file that is open says.</summary>
    internal static DicomExamination Of(DicomDataSet set)
    {
        string? characters = set.Text(DicomTag.SpecificCharacterSet);
        (string? Date, string? Time)[] made = [(Dated(0x0022), Dated(0x0032)), (Dated(0x0023), Dated(0x0033)), (Dated(0x0021), Dated(0x0031)), (Dated(0x0020), Dated(0x0030))];
        (string? date, string? time) = made.FirstOrDefault(m => m.Date is not null);
        return new DicomExamination
        {
            PatientId = Text(0x0010, 0x0020),
            PatientIdIssuer = Text(0x0010, 0x0021),
            PatientName = Text(0x0010, 0x0010),
            PatientBirthDate = Text(0x0010, 0x0030),
            PatientSex = Text(0x0010, 0x0040),
            StudyInstanceUid = Text(0x0020, 0x000D),
            AccessionNumber = Text(0x0008, 0x0050),
            StudyDescription = Text(0x0008, 0x1030),
            StudyDate = Dated(0x0020),
            StudyTime = Dated(0x0030),
            ImageDate = date,
            ImageTime = time,
            SeriesInstanceUid = Text(0x0020, 0x000E),
            Modality = Text(0x0008, 0x0060),
            SopClassUid = Text(0x0008, 0x0016),
            SopInstanceUid = Text(0x0008, 0x0018),
            TimezoneOffset = Text(0x0008, 0x0201),
        };

        string? Dated(ushort element) => Text(0x0008, element);

        string? Text(ushort group, ushort element) => set.UnicodeText(new DicomTag(group, element), characters);
    }
}
