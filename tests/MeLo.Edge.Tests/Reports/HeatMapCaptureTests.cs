using System.Security.Cryptography;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Reports;

namespace MeLo.Edge.Tests.Reports;

/// <summary>Captures against this project's own reader, dicom3tools' <c>dciodvfy</c> and DCMTK's <c>dcmdump</c> and <c>dcm2pnm</c>.</summary>
public sealed class HeatMapCaptureTests
{
    [Fact]
    public void Capture_HasThePatientTheImageAndWhatMadeIt()
    {
        byte[] image = StructuredReportTests.Image(d => d.Text(0x00080020, "DA", "20260131").Text(0x00100010, "PN", "DOE^JANE").Text(0x00100020, "LO", "17").Text(0x00180015, "CS", "CHEST").Text(0x00280301, "CS", "YES"));
        PixelBuffer picture = Picture();
        byte[] file = Write(image, picture);
        DicomDataSet set = StructuredReportTests.Read(file);
        Assert.Equal(("1.2.840.10008.5.1.4.1.1.7", "DOE^JANE", "17", "1.2.9", "OT"), (set.Text(DicomTag.SopClassUid), set.Text(new(0x0010, 0x0010)), set.Text(new(0x0010, 0x0020)), set.Text(new(0x0020, 0x000D)), set.Text(DicomTag.Modality)));
        Assert.NotEqual("1.2.8", set.Text(DicomTag.SeriesInstanceUid));
        Assert.Equal((@"DERIVED\SECONDARY", "WSD", "YES", "CHEST"), (set.Text(new(0x0008, 0x0008)), set.Text(new(0x0008, 0x0064)), set.Text(new(0x0028, 0x0301)), set.Text(new(0x0018, 0x0015))));
        DicomDataSet source = set.Item(new(0x0008, 0x2112))!;
        Assert.Equal(("1.2.840.10008.5.1.4.1.1.7", "1.2.3"), (source.Text(new(0x0008, 0x1150)), source.Text(new(0x0008, 0x1155))));
        Assert.Equal("121322", source.Item(new(0x0040, 0xA170))!.Text(new(0x0008, 0x0100)));
        foreach (string part in (string[])["task lung, release 3", "Bundle sha256:bb.", "Base sha256:000000000000aa.", "not why"]) Assert.Contains(part, set.Text(new(0x0008, 0x2111)), StringComparison.Ordinal);
        Assert.Equal("109102", set.Item(new(0x0018, 0xA001))!.Item(new(0x0040, 0xA170))!.Text(new(0x0008, 0x0100)));
        Assert.Equal(picture.Samples<byte>().ToArray(), DicomDecoder.Decode(file, DicomVoi.Range).Samples<byte>().ToArray());
    }

    [Fact]
    public void SameResult_GivesTheSameBytes_AndAnythingElseAnotherObject()
    {
        byte[] image = StructuredReportTests.Image();
        PixelBuffer picture = Picture();
        Assert.Equal(Write(image, picture), Write(image, picture));
        byte[][] files =
        [
            Write(image, picture), Write(image, Picture(notice: false)), Write(image, picture, StructuredReportTests.Result() with { CompletedAt = DateTimeOffset.UnixEpoch }),
            HeatMapCapture.Write(image, "00", new HeatMap("lung", 4, "sha256:cc", "sha256:000000000000aa", [1f], SourceSquare.Of(PreprocessRecipe.Half, 2, 1, 1)), picture, StructuredReportTests.Result(), TimeZoneInfo.Utc),
        ];
        foreach (DicomTag tag in (DicomTag[])[DicomTag.SopInstanceUid, DicomTag.SeriesInstanceUid]) Assert.Equal(files.Length, files.Select(f => StructuredReportTests.Read(f).Text(tag)).Distinct().Count());
    }

    [Fact]
    public void ImageThatDoesNotSayWhichItIs_HasNoCapture() => Assert.Throws<ImageException>(() => Write(new TestDicom().Word(0x00280002, 1).DataSet(), Picture()));

    [Fact]
    public void EverySamplesCapture_IsValidAndReadable()
    {
        if (StructuredReportTests.Find("dciodvfy") is null || StructuredReportTests.Find("dcmdump") is null || StructuredReportTests.Find("dcm2pnm") is null) Assert.Skip("needs dciodvfy, dcmdump and dcm2pnm");
        List<(string Name, byte[] Image)> images = [("generated", StructuredReportTests.Image(d => d.Text(0x00100010, "PN", "DOE^JANE")))];
        images.AddRange(StructuredReportTests.Samples());
        PixelBuffer picture = Picture();
        List<string> faults = [];
        using TemporaryFolder folder = new();
        foreach ((string name, byte[] image) in images)
        {
            if (((DicomTag[])[DicomTag.SopInstanceUid, DicomTag.SopClassUid, DicomTag.SeriesInstanceUid, new(0x0020, 0x000D)]).Any(tag => StructuredReportTests.Read(image).Text(tag) is null)) continue;
            File.WriteAllBytes(folder["heat.dcm"], Write(image, picture));
            (_, string said) = StructuredReportTests.Run("dciodvfy", folder["heat.dcm"]);
            // "WHOLE BODY" is no defined term (WHOLEBODY is): dciodvfy cannot tell that there is one of it, and asks for its laterality.
            if (StructuredReportTests.FaultySources.Contains(name) || StructuredReportTests.Read(image).Text(new(0x0018, 0x0015)) == "WHOLE BODY") continue;
            if (said.Contains("Error", StringComparison.Ordinal)) faults.Add($"{name}: {string.Join("; ", said.Split('\n').Where(l => l.StartsWith("Error", StringComparison.Ordinal)))}");
            (int code, string dump) = StructuredReportTests.Run("dcmdump", folder["heat.dcm"]);
            if (code != 0 || dump.Contains("W:", StringComparison.Ordinal)) faults.Add($"{name}: {dump}");
        }
        Assert.True(faults.Count == 0, string.Join('\n', faults));
        (int drawn, string failure) = StructuredReportTests.Run("dcm2pnm", "+on", folder["heat.dcm"], folder["heat.png"]);
        Assert.True(drawn == 0, failure);
        Assert.Equal(picture.Samples<byte>().ToArray(), RasterDecoder.Decode(File.ReadAllBytes(folder["heat.png"])).Samples<byte>().ToArray());
    }

    private static PixelBuffer Picture(bool notice = true) => HeatMapPicture.Draw(HeatMapPictureTests.Map(301, 199), HeatMapPictureTests.Gray(301, 199), notice);

    private static byte[] Write(byte[] image, PixelBuffer picture, ReportedResult? result = null) => HeatMapCapture.Write(
        image, Convert.ToHexStringLower(SHA256.HashData(image)), HeatMapPictureTests.Map(2, 1), picture, result ?? StructuredReportTests.Result(), TimeZoneInfo.CreateCustomTimeZone("test", TimeSpan.FromHours(2), "test", "test"));
}
