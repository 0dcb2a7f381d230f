using System.Globalization;
using System.Security.Cryptography;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using static MeLo.Edge.Reports.CodedConcept;
using static MeLo.Edge.Reports.ReportContext;

namespace MeLo.Edge.Reports;

/// <summary>
/// The picture of a heat map as a DICOM Secondary Capture (PS3.3, A.8.1): in the study of the image that it is of, in a series of its own, derived from the image, with the algorithm in its
/// derivation and among the contributing equipment.
/// </summary>
public static class HeatMapCapture
{
    private const string SecondaryCapture = "1.2.840.10008.5.1.4.1.1.7";

    private static readonly DicomTag s_purpose = new(0x0040, 0xA170), s_bodyPart = new(0x0018, 0x0015), s_imageLaterality = new(0x0020, 0x0062);

    /// <summary>Writes the object: the same image, result and picture give the same bytes, anything else another object.</summary>
    /// <param name="image">The DICOM file that was answered.</param>
    /// <param name="inputDigest">The SHA-256 of its bytes, hexadecimal.</param>
    /// <param name="map">The heat map.</param>
    /// <param name="picture">What <see cref="HeatMapPicture"/> drew of it.</param>
    /// <param name="result">The answer.</param>
    /// <param name="zone">Where the answer's time is told, unless the image says: the hospital's zone.</param>
    /// <returns>A DICOM file, explicit little endian, not compressed.</returns>
    /// <exception cref="ImageException">The image is no DICOM file, or does not say what it is.</exception>
    public static byte[] Write(ReadOnlyMemory<byte> image, string inputDigest, HeatMap map, PixelBuffer picture, ReportedResult result, TimeZoneInfo zone)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(result);
        ReportContext context = ReportContext.Of(image, result);
        DateTimeOffset time = context.Time(result, zone);
        ReadOnlySpan<byte> pixels = picture.Samples<byte>();
        string instance = DicomUid.Of(
            "heat map", inputDigest, map.Task, map.BundleDigest, map.BaseDigest, MakerVersion, time.ToString("O", CultureInfo.InvariantCulture), $"{picture.Width} x {picture.Height}", Convert.ToHexStringLower(SHA256.HashData(pixels)));
        DicomWriter writer = context.Begin(SecondaryCapture, instance, "heat map", "OT", $"AI heat map: {map.Task}", result, time);
        writer.Text(new DicomTag(0x0008, 0x0008), DicomVr.Cs, @"DERIVED\SECONDARY");
        writer.Text(new DicomTag(0x0008, 0x0064), DicomVr.Cs, "WSD"); // conversion type: workstation
        string algorithm = string.Create(CultureInfo.InvariantCulture, $"Attention rollout (arXiv 2005.00928) of task {map.Task}, release {map.Release}, in fp32, over the image. Bundle {map.BundleDigest}. Base {map.BaseDigest}.");
        writer.Text(new DicomTag(0x0008, 0x2111), DicomVr.St, algorithm + " It shows where attention went, not why the answer was given.");
        DicomWriter source = ContentItem.Reference(context.Instances[0].SopClass, context.Instances[0].SopInstance);
        Dcm("121322", "Source image for image processing operation").WriteTo(source, s_purpose, context.Encoding);
        writer.Sequence(new DicomTag(0x0008, 0x2112), source);
        context.Copy(writer, s_bodyPart, DicomVr.Cs, isRequired: false);
        writer.Sequence(new DicomTag(0x0018, 0xA001), Equipment(context, map, algorithm));
        context.Copy(writer, new DicomTag(0x0020, 0x0020), DicomVr.Cs, isRequired: true);  // patient orientation: the picture lies as the image does
        context.Copy(writer, new DicomTag(0x0020, 0x0060), DicomVr.Cs, isRequired: !context.Has(s_imageLaterality) && !context.Has(s_bodyPart)); // laterality: unknown, where nothing says whether the part is one of two
        context.Copy(writer, s_imageLaterality, DicomVr.Cs, isRequired: false);
        writer.Words(DicomTag.SamplesPerPixel, 3);
        writer.Text(DicomTag.PhotometricInterpretation, DicomVr.Cs, "RGB");
        writer.Words(DicomTag.PlanarConfiguration, 0);
        writer.Words(DicomTag.Rows, picture.Height);
        writer.Words(DicomTag.Columns, picture.Width);
        writer.Words(DicomTag.BitsAllocated, 8);
        writer.Words(DicomTag.BitsStored, 8);
        writer.Words(DicomTag.HighBit, 7);
        writer.Words(DicomTag.PixelRepresentation, 0);
        // Of what the image has burnt in, and of what it has lost, the picture has the same; the notice names no patient.
        context.Copy(writer, new DicomTag(0x0028, 0x0301), DicomVr.Cs, isRequired: false);
        context.Copy(writer, new DicomTag(0x0028, 0x2110), DicomVr.Cs, isRequired: false);
        context.Copy(writer, new DicomTag(0x0028, 0x2112), DicomVr.Ds, isRequired: false);
        context.Copy(writer, new DicomTag(0x0028, 0x2114), DicomVr.Cs, isRequired: false);
        writer.Bytes(DicomTag.PixelData, DicomVr.Ob, pixels.Length % 2 == 0 ? pixels : [.. pixels, 0]);
        return writer.ToFile(SecondaryCapture, instance, TransferSyntax.ExplicitLittleEndian, DicomUid.Of("implementation"));
    }

    private static DicomWriter Equipment(ReportContext context, HeatMap map, string algorithm)
    {
        DicomWriter equipment = new();
        equipment.Text(new DicomTag(0x0008, 0x0070), DicomVr.Lo, Maker);
        equipment.Text(new DicomTag(0x0008, 0x1090), DicomVr.Lo, Maker);
        equipment.Text(new DicomTag(0x0018, 0x1000), DicomVr.Lo, map.BaseDigest[^12..]);
        equipment.Text(new DicomTag(0x0018, 0x1020), DicomVr.Lo, MakerVersion);
        equipment.Text(new DicomTag(0x0018, 0xA003), DicomVr.St, algorithm);
        Dcm("109102", "Processing Equipment").WriteTo(equipment, s_purpose, context.Encoding);
        return equipment;
    }
}
