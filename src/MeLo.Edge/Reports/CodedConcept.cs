using System.Security.Cryptography;
using System.Text;
using MeLo.Edge.Dicom;

namespace MeLo.Edge.Reports;

/// <summary>A coded concept (PS3.3, section 8): what a report names things by.</summary>
/// <param name="Value">The code, at most 16 characters.</param>
/// <param name="Scheme">Whose code it is.</param>
/// <param name="Meaning">What it means, for people.</param>
internal readonly record struct CodedConcept(string Value, string Scheme, string Meaning)
{
    /// <summary>The scheme of the concepts that only bundles know; designators that begin with 99 are private ones (PS3.16, section 8.2).</summary>
    public const string PrivateScheme = "99MELO";

    // SH and LO.
    private const int MaxValueLength = 16, MaxMeaningLength = 64;

    /// <summary>A concept of DICOM's own.</summary>
    public static CodedConcept Dcm(string value, string meaning) => new(value, "DCM", meaning);

    /// <summary>A concept of a bundle's: its code follows from what it is about, so that one code never means two things.</summary>
    public static CodedConcept Private(string meaning, params ReadOnlySpan<string> about)
    {
        byte[] digest = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', about)));
        return new CodedConcept(Convert.ToHexString(digest)[..MaxValueLength], PrivateScheme, meaning);
    }

    /// <summary>As the only item of a code sequence.</summary>
    public void WriteTo(DicomWriter writer, DicomTag sequence, Encoding encoding)
    {
        DicomWriter item = new();
        item.Text(new DicomTag(0x0008, 0x0100), DicomVr.Sh, Value);
        item.Text(new DicomTag(0x0008, 0x0102), DicomVr.Sh, Scheme);
        // A backslash would divide it into two values.
        string meaning = Meaning.Replace('\\', '/');
        int cut = char.IsHighSurrogate(meaning[Math.Min(meaning.Length - 1, MaxMeaningLength - 2)]) ? MaxMeaningLength - 2 : MaxMeaningLength - 1;
        item.Text(new DicomTag(0x0008, 0x0104), DicomVr.Lo, meaning.Length <= MaxMeaningLength ? meaning : meaning[..cut] + "~", encoding);
        writer.Sequence(sequence, item);
    }
}
