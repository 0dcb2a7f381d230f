using System.Globalization;
using System.Text;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using static MeLo.Edge.Reports.CodedConcept;
using static MeLo.Edge.Reports.ReportContext;

namespace MeLo.Edge.Reports;

/// <summary>
/// A prediction as a DICOM structured report: Comprehensive 3D SR (PS3.3, A.35.13) by TID 1500 with one measurement group (TID 1501), whose qualitative evaluation is the label and whose numbers
/// are the probabilities, and the algorithm's identification (TID 4019). In the image's study, unverified, referring to the image.
/// </summary>
public static class StructuredReport
{
    private const string Comprehensive3DSr = "1.2.840.10008.5.1.4.1.1.88.34";
    private const string Contains = "CONTAINS", HasModifier = "HAS CONCEPT MOD", HasContext = "HAS OBS CONTEXT", InferredFrom = "INFERRED FROM";

    private static readonly CodedConcept s_noUnit = new("1", "UCUM", "no units");

    /// <summary>Writes the report: the same image and result give the same bytes. Where labels exclude each other, the one that was answered is its qualitative evaluation.</summary>
    /// <param name="image">The DICOM file that was answered, or the archive of a series.</param>
    /// <param name="inputDigest">The SHA-256 of its bytes, hexadecimal.</param>
    /// <param name="result">The answer.</param>
    /// <param name="zone">Where the answer's time is told, unless the image says: the hospital's zone.</param>
    /// <returns>A DICOM file.</returns>
    /// <exception cref="ImageException">The image is no DICOM file, or does not say what it is.</exception>
    public static byte[] Write(ReadOnlyMemory<byte> image, string inputDigest, ReportedResult result, TimeZoneInfo zone)
    {
        ReportContext context = ReportContext.Of(image, result);
        DateTimeOffset time = context.Time(result, zone);
        // Of everything that is written: two reports with other bytes are two objects.
        string instance = DicomUid.Of(
            ["report", inputDigest, result.Task, result.BundleDigest, result.BaseDigest, result.Arithmetic, MakerVersion, time.ToString("O", CultureInfo.InvariantCulture), .. result.Scores.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Label} {s.Probability:R}"))]);
        DicomWriter writer = context.Begin(Comprehensive3DSr, instance, "report", "SR", $"AI result: {result.Task}", result, time);
        writer.Sequence(new DicomTag(0x0008, 0x0110), PrivateScheme());
        writer.Sequence(new DicomTag(0x0008, 0x1111)); // performed procedure step: unknown
        WriteDocument(writer, context, result, instance);
        return writer.ToFile(Comprehensive3DSr, instance, TransferSyntax.ExplicitLittleEndian, DicomUid.Of("implementation"));
    }

    private static void WriteDocument(DicomWriter writer, ReportContext context, ReportedResult result, string instance)
    {
        Encoding encoding = context.Encoding;
        writer.Text(new DicomTag(0x0040, 0xA040), DicomVr.Cs, "CONTAINER");
        Dcm("126000", "Imaging Measurement Report").WriteTo(writer, new DicomTag(0x0040, 0xA043), encoding);
        writer.Text(new DicomTag(0x0040, 0xA050), DicomVr.Cs, "SEPARATE");
        writer.Sequence(new DicomTag(0x0040, 0xA372)); // performed procedure: unknown
        writer.Sequence(new DicomTag(0x0040, 0xA375), Evidence(context));
        writer.Text(new DicomTag(0x0040, 0xA491), DicomVr.Cs, "COMPLETE");
        writer.Text(new DicomTag(0x0040, 0xA493), DicomVr.Cs, "UNVERIFIED");
        writer.Text(new DicomTag(0x0040, 0xA496), DicomVr.Cs, "PRELIMINARY");
        DicomWriter template = new();
        template.Text(new DicomTag(0x0008, 0x0105), DicomVr.Cs, "DCMR");
        template.Text(new DicomTag(0x0040, 0xDB00), DicomVr.Cs, "1500");
        writer.Sequence(new DicomTag(0x0040, 0xA504), template);
        writer.Sequence(
            new DicomTag(0x0040, 0xA730),
            ContentItem.Code(HasModifier, Dcm("121049", "Language of Content Item and Descendants"), new CodedConcept("en", "RFC5646", "English"), encoding),
            ContentItem.Code(HasContext, Dcm("121005", "Observer Type"), Dcm("121007", "Device"), encoding),
            ContentItem.Uid(HasContext, Dcm("121012", "Device Observer UID"), DicomUid.Of("device", result.BaseDigest), encoding),
            ContentItem.Text(HasContext, Dcm("121013", "Device Observer Name"), Maker, encoding),
            ContentItem.Text(HasContext, Dcm("121014", "Device Observer Manufacturer"), Maker, encoding),
            ContentItem.Code(HasModifier, Dcm("121058", "Procedure reported"), new CodedConcept("363679005", "SCT", "Imaging procedure"), encoding),
            ContentItem.Container(
                Contains, Dcm("111028", "Image Library"), encoding,
                ContentItem.Container(Contains, Dcm("126200", "Image Library Group"), encoding, [.. context.Instances.Select(i => ContentItem.Object(Contains, null, i.SopClass, i.SopInstance, encoding))])),
            ContentItem.Container(Contains, Dcm("126010", "Imaging Measurements"), encoding, Group(context, result, instance)));
    }

    // TID 1501.
    private static DicomWriter Group(ReportContext context, ReportedResult result, string instance)
    {
        Encoding encoding = context.Encoding;
        List<DicomWriter> items =
        [
            ContentItem.Text(HasContext, Dcm("112039", "Tracking Identifier"), result.Task, encoding),
            ContentItem.Uid(HasContext, Dcm("112040", "Tracking Unique Identifier"), DicomUid.Of("finding", instance), encoding),
            // TID 4019
            ContentItem.Text(HasModifier, Dcm("111001", "Algorithm Name"), $"{Maker}, {result.Task}", encoding),
            ContentItem.Text(HasModifier, Dcm("111003", "Algorithm Version"), string.Create(CultureInfo.InvariantCulture, $"release {result.Release}"), encoding),
            ContentItem.Text(HasModifier, Dcm("111002", "Algorithm Parameters"), $"bundle {result.BundleDigest}", encoding),
            ContentItem.Text(HasModifier, Dcm("111002", "Algorithm Parameters"), $"base {result.BaseDigest}", encoding),
            ContentItem.Text(HasModifier, Dcm("111002", "Algorithm Parameters"), $"arithmetic {result.Arithmetic}", encoding),
        ];
        // Of a series the image library has the slices: none of them alone is the source.
        DicomWriter[] source = context.Instances is [var (sopClass, sopInstance)] ? [ContentItem.Object(InferredFrom, Dcm("121112", "Source of Measurement"), sopClass, sopInstance, encoding)] : [];
        foreach ((string label, double probability) in result.Scores)
        {
            items.Add(ContentItem.Number(
                Contains, Private($"Probability of {label}", "probability", result.Task, label), probability.ToString("0.########", CultureInfo.InvariantCulture), s_noUnit, encoding,
                source));
        }
        if (result.LabelsExclude)
            items.Add(ContentItem.Code(Contains, Private(result.Task, "task", result.Task), Private(result.Label, "label", result.Task, result.Label), encoding));
        return ContentItem.Container(Contains, Dcm("125007", "Measurement Group"), encoding, [.. items]);
    }

    private static DicomWriter Evidence(ReportContext context)
    {
        DicomWriter series = new(), study = new();
        series.Sequence(new DicomTag(0x0008, 0x1199), [.. context.Instances.Select(i => ContentItem.Reference(i.SopClass, i.SopInstance))]);
        series.Text(DicomTag.SeriesInstanceUid, DicomVr.Ui, context.Series);
        study.Sequence(new DicomTag(0x0008, 0x1115), series);
        study.Text(ReportContext.StudyInstanceUid, DicomVr.Ui, context.Study);
        return study;
    }

    private static DicomWriter PrivateScheme()
    {
        DicomWriter scheme = new();
        scheme.Text(new DicomTag(0x0008, 0x0102), DicomVr.Sh, CodedConcept.PrivateScheme);
        scheme.Text(new DicomTag(0x0008, 0x0115), DicomVr.St, "Labels of MeLo Edge bundles");
        return scheme;
    }
}
