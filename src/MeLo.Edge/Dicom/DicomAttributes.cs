using System.Collections.Frozen;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>What a DICOM file says of the equipment and of the examination: what files are told apart by. Nothing about the patient.</summary>
public static class DicomAttributes
{
    private static readonly FrozenDictionary<string, DicomTag> s_tags = new Dictionary<string, DicomTag>(StringComparer.OrdinalIgnoreCase)
    {
        ["SOPClassUID"] = DicomTag.SopClassUid,
        ["Modality"] = DicomTag.Modality,
        ["PresentationIntentType"] = new(0x0008, 0x0068),
        ["Manufacturer"] = new(0x0008, 0x0070),
        ["StationName"] = new(0x0008, 0x1010),
        ["StudyDescription"] = new(0x0008, 0x1030),
        ["SeriesDescription"] = new(0x0008, 0x103E),
        ["InstitutionalDepartmentName"] = new(0x0008, 0x1040),
        ["ManufacturerModelName"] = new(0x0008, 0x1090),
        ["BodyPartExamined"] = new(0x0018, 0x0015),
        ["ProtocolName"] = new(0x0018, 0x1030),
        ["ViewPosition"] = new(0x0018, 0x5101),
        ["Laterality"] = new(0x0020, 0x0060),
        ["ImageLaterality"] = new(0x0020, 0x0062),
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>The keywords (PS3.6) that can be asked for; letter case does not count.</summary>
    public static IReadOnlyList<string> Keywords { get; } = [.. s_tags.Keys.Order(StringComparer.Ordinal)];

    /// <summary>Reads attributes of a file: of each the first value, or null where the file has none.</summary>
    /// <param name="file">The file.</param>
    /// <param name="keywords">Which; of <see cref="Keywords"/>.</param>
    /// <param name="limits">What the file may cost; <see cref="DecodeLimits.Default"/> unless given.</param>
    /// <exception cref="ImageException">It is no DICOM file, or a broken one.</exception>
    public static IReadOnlyDictionary<string, string?> Read(ReadOnlyMemory<byte> file, IEnumerable<string> keywords, DecodeLimits? limits = null)
    {
        if (!DicomFile.IsOne(file.Span)) throw ImageException.Broken(ImageFormat.Dicom, "found a file that begins as none does, expected the prefix DICM or a data set");
        DicomDataSet set = DicomFile.Open(file, limits ?? DecodeLimits.Default).DataSet;
        return keywords.ToDictionary(k => k, k => set.FirstText(s_tags[k]), StringComparer.OrdinalIgnoreCase);
    }
}
