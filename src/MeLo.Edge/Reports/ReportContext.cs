using System.Globalization;
using System.Text;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Reports;

/// <summary>What a report has in common with the image, or the series, that it is about: patient, study, and the set of characters that their texts are written in.</summary>
internal sealed class ReportContext
{
    private static readonly Encoding s_ascii = Encoding.GetEncoding("us-ascii", new EncoderReplacementFallback("?"), DecoderFallback.ReplacementFallback);
    private static readonly Encoding s_latin1 = Encoding.GetEncoding("iso-8859-1", new EncoderReplacementFallback("?"), DecoderFallback.ReplacementFallback);

    private readonly DicomDataSet _image;

    private ReportContext(IReadOnlyList<DicomDataSet> images, bool isAscii)
    {
        DicomDataSet image = _image = images[0];
        Instances = [.. images.Select(i => (i.FirstText(DicomTag.SopClassUid) ?? throw Missing("SOP class"), i.FirstText(DicomTag.SopInstanceUid) ?? throw Missing("SOP instance")))];
        Study = image.FirstText(StudyInstanceUid) ?? throw Missing("study");
        Series = image.FirstText(DicomTag.SeriesInstanceUid) ?? throw Missing("series");
        CharacterSet = image.Text(DicomTag.SpecificCharacterSet);
        Encoding = CharacterSet switch
        {
            "ISO_IR 192" => new UTF8Encoding(),
            "ISO_IR 100" => s_latin1,
            null when !isAscii && HasAscii() => new UTF8Encoding(),
            _ => s_ascii,
        };
        if (CharacterSet is null && Encoding is UTF8Encoding) CharacterSet = "ISO_IR 192";
    }

    /// <summary>Who makes the objects.</summary>
    public const string Maker = "MeLo Edge";

    /// <summary>The version of what makes them.</summary>
    public static string MakerVersion { get; } = typeof(ReportContext).Assembly.GetName().Version!.ToString(3);

    public static DicomTag StudyInstanceUid { get; } = new(0x0020, 0x000D);

    /// <summary>The image, or the slices of the series, and their SOP classes.</summary>
    public IReadOnlyList<(string SopClass, string SopInstance)> Instances { get; }

    /// <summary>Its study.</summary>
    public string Study { get; }

    /// <summary>Its series.</summary>
    public string Series { get; }

    /// <summary>The specific character set of the texts; null for the default one.</summary>
    public string? CharacterSet { get; }

    /// <summary>What our own texts are written with; a character that the set does not have becomes a question mark.</summary>
    public Encoding Encoding { get; }

    /// <summary>The context of an image's file, or of a series' archive.</summary>
    /// <exception cref="ImageException">It is no DICOM file, or does not say what it is.</exception>
    public static ReportContext Of(ReadOnlyMemory<byte> file, ReportedResult result) => new(
        [.. SeriesArchive.Open(file).Select(f => DicomFile.Open(f, DecodeLimits.Default with { MaxFileBytes = Array.MaxLength }).DataSet)], isAscii: Ascii.IsValid(result.Task) && result.Scores.All(s => Ascii.IsValid(s.Label)));

    /// <summary>When the result was there, told in the image's zone where it says one.</summary>
    /// <param name="result">The result.</param>
    /// <param name="zone">The zone otherwise: the hospital's.</param>
    public DateTimeOffset Time(ReportedResult result, TimeZoneInfo zone) => Offset is { } offset ? result.CompletedAt.ToOffset(offset) : TimeZoneInfo.ConvertTime(result.CompletedAt, zone);

    /// <summary>What all objects of ours have in common (PS3.3: patient, general study, series and equipment, SOP common): in the image's study, in a series of their own.</summary>
    /// <param name="sopClass">What the object is.</param>
    /// <param name="instance">Its UID.</param>
    /// <param name="kind">What it is, in the making of the series' UID.</param>
    /// <param name="modality">The series' modality.</param>
    /// <param name="description">The series' description.</param>
    /// <param name="result">What it is about.</param>
    /// <param name="time">When that was there.</param>
    public DicomWriter Begin(string sopClass, string instance, string kind, string modality, string description, ReportedResult result, DateTimeOffset time)
    {
        DicomWriter writer = new();
        if (CharacterSet is { } characters) writer.Text(DicomTag.SpecificCharacterSet, DicomVr.Cs, characters);
        writer.Text(DicomTag.SopClassUid, DicomVr.Ui, sopClass);
        writer.Text(DicomTag.SopInstanceUid, DicomVr.Ui, instance);
        Copy(writer, new DicomTag(0x0008, 0x0020), DicomVr.Da, isRequired: true); // study date
        writer.Text(new DicomTag(0x0008, 0x0023), DicomVr.Da, time.ToString("yyyyMMdd", CultureInfo.InvariantCulture));
        Copy(writer, new DicomTag(0x0008, 0x0030), DicomVr.Tm, isRequired: true); // study time
        writer.Text(new DicomTag(0x0008, 0x0033), DicomVr.Tm, time.ToString("HHmmss.ffffff", CultureInfo.InvariantCulture));
        Copy(writer, new DicomTag(0x0008, 0x0050), DicomVr.Sh, isRequired: true); // accession number
        writer.Text(DicomTag.Modality, DicomVr.Cs, modality);
        writer.Text(new DicomTag(0x0008, 0x0070), DicomVr.Lo, Maker);
        Copy(writer, new DicomTag(0x0008, 0x0090), DicomVr.Pn, isRequired: true); // referring physician
        Copy(writer, new DicomTag(0x0008, 0x0201), DicomVr.Sh, isRequired: false); // time zone
        Copy(writer, new DicomTag(0x0008, 0x1030), DicomVr.Lo, isRequired: false); // study description
        writer.Text(new DicomTag(0x0008, 0x103E), DicomVr.Lo, description[..Math.Min(64, description.Length)]);
        writer.Text(new DicomTag(0x0008, 0x1090), DicomVr.Lo, Maker);
        Copy(writer, new DicomTag(0x0010, 0x0010), DicomVr.Pn, isRequired: true);
        Copy(writer, new DicomTag(0x0010, 0x0020), DicomVr.Lo, isRequired: true);
        Copy(writer, new DicomTag(0x0010, 0x0021), DicomVr.Lo, isRequired: false);
        Copy(writer, new DicomTag(0x0010, 0x0030), DicomVr.Da, isRequired: true);
        Copy(writer, new DicomTag(0x0010, 0x0040), DicomVr.Cs, isRequired: true);
        Copy(writer, new DicomTag(0x0010, 0x1010), DicomVr.As, isRequired: false);
        writer.Text(new DicomTag(0x0018, 0x1000), DicomVr.Lo, result.BaseDigest[^12..]); // serial number: the base's, the device has none
        writer.Text(new DicomTag(0x0018, 0x1020), DicomVr.Lo, MakerVersion);
        writer.Text(StudyInstanceUid, DicomVr.Ui, Study);
        writer.Text(DicomTag.SeriesInstanceUid, DicomVr.Ui, DicomUid.Of($"{kind} series", instance));
        Copy(writer, new DicomTag(0x0020, 0x0010), DicomVr.Sh, isRequired: true); // study ID
        writer.Text(new DicomTag(0x0020, 0x0011), DicomVr.Is, "1");
        writer.Text(new DicomTag(0x0020, 0x0013), DicomVr.Is, "1");
        return writer;
    }

    /// <summary>Whether the image has an element that says something.</summary>
    public bool Has(DicomTag tag) => !string.IsNullOrWhiteSpace(_image.FirstText(tag));

    /// <summary>Copies an element of the image's as it is; an empty one where the image has none and the report must have it.</summary>
    public void Copy(DicomWriter writer, DicomTag tag, ushort vr, bool isRequired)
    {
        ReadOnlySpan<byte> value = _image.Find(tag) is { } element ? element.Value.Span : [];
        // As dates and times were written before DICOM 3.0 (PS3.5, section 6.2).
        if (vr == DicomVr.Da) value = Without(value, (byte)'.');
        if (vr == DicomVr.Tm) value = Without(value, (byte)':');
        // Longer than any value of these elements is; to leave it out would be another patient's report.
        if (value.Length > 1024) throw ImageException.Broken(ImageFormat.Dicom, $"found {tag} of {value.Length} bytes, expected at most 1024 for a report");
        if (value.Length > 0 || isRequired) writer.Bytes(tag, vr, value.Length % 2 == 0 ? value : [.. value, (byte)(vr == DicomVr.Ui ? 0 : ' ')]);
    }

    // The zone that the image's times are in, where it says.
    private TimeSpan? Offset => _image.FirstText(new DicomTag(0x0008, 0x0201)) is { Length: 5 } text && text[0] is '+' or '-' && int.TryParse(text[1..], out int digits) && digits % 100 < 60 && digits <= 1400
        ? TimeSpan.FromMinutes((text[0] == '-' ? -1 : 1) * ((digits / 100 * 60) + (digits % 100)))
        : null;

    private static byte[] Without(ReadOnlySpan<byte> value, byte mark) => [.. value.ToArray().Where(b => b != mark)];

    // What is in no known set is not to be read as another.
    private bool HasAscii()
    {
        foreach (DicomTag tag in (DicomTag[])[new(0x0008, 0x0050), new(0x0008, 0x0090), new(0x0008, 0x1030), new(0x0010, 0x0010), new(0x0010, 0x0020), new(0x0010, 0x0021), new(0x0020, 0x0010)])
            if (_image.Find(tag) is { } element && element.Value.Span.ContainsAnyExceptInRange((byte)0, (byte)0x7E)) return false;
        return true;
    }

    private static ImageException Missing(string what) => ImageException.Broken(ImageFormat.Dicom, $"found no {what}, expected one: a report refers to the image by it");
}
