using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Reports;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Tests.Reports;

/// <summary>Reports against this project's own reader, dicom3tools' <c>dciodvfy</c> and DCMTK's <c>dsrdump</c>.</summary>
public sealed class StructuredReportTests
{
    private static readonly DicomTag s_patient = new(0x0010, 0x0010), s_content = new(0x0040, 0xA730), s_text = new(0x0040, 0xA160);

    // Their UIDs have no registered root; one refers to an image of a class that does not exist.
    internal static readonly string[] FaultySources = ["pydicom-data__color-pl.dcm", "pydicom-data__color-px.dcm", "fo-dicom__GH355.dcm"];

    [Fact]
    public void Report_HasThePatientTheImageAndWhatAnsweredIt()
    {
        byte[] image = Image(d => d.Text(0x00080020, "DA", "2026.01.31").Text(0x00080030, "TM", "10:20").Text(0x00100010, "PN", "DOE^JANE").Text(0x00100020, "LO", "17"));
        DicomDataSet set = Read(Write(image));
        Assert.Equal(("DOE^JANE", "17", "1.2.9"), (set.Text(s_patient), set.Text(new(0x0010, 0x0020)), set.Text(new(0x0020, 0x000D))));
        Assert.Equal(("20260131", "1020"), (set.Text(new(0x0008, 0x0020)), set.Text(new(0x0008, 0x0030))));
        Assert.Equal(("20241004", "210000.000000"), (set.Text(new(0x0008, 0x0023)), set.Text(new(0x0008, 0x0033))));
        Assert.Equal("UNVERIFIED", set.Text(new(0x0040, 0xA493)));
        DicomDataSet evidence = set.Item(new(0x0040, 0xA375))!.Item(new(0x0008, 0x1115))!.Item(new(0x0008, 0x1199))!;
        Assert.Equal(("1.2.840.10008.5.1.4.1.1.7", "1.2.3"), (evidence.Text(new(0x0008, 0x1150)), evidence.Text(new(0x0008, 0x1155))));
        string[] texts = [.. Tree(set).Select(i => i.Text(s_text)).OfType<string>()];
        Assert.Contains("bundle sha256:bb", texts);
        Assert.Contains("base sha256:000000000000aa", texts);
        Assert.Equal(["0.07", "0.93"], Tree(set).Select(i => i.Item(new(0x0040, 0xA300))?.Text(new(0x0040, 0xA30A))).OfType<string>());
    }

    [Fact]
    public void SameResult_GivesTheSameBytes_AndAnotherBundleAnotherReport()
    {
        byte[] image = Image();
        Assert.Equal(Write(image), Write(image));
        string Instance(ReportedResult result) => Read(Write(image, result)).Text(DicomTag.SopInstanceUid)!;
        Assert.Equal(Instance(Result()), Instance(Result()));
        Assert.NotEqual(Instance(Result()), Instance(Result() with { BundleDigest = "sha256:cc" }));
        Assert.InRange(Instance(Result()).Length, 10, 64);
    }

    [Theory]
    [InlineData(null, "結核", "ISO_IR 192", "結核")]
    [InlineData("ISO_IR 192", "結核", "ISO_IR 192", "結核")]
    [InlineData("ISO_IR 100", "über", "ISO_IR 100", "über")]
    [InlineData("ISO_IR 100", "結核", "ISO_IR 100", "??")]
    [InlineData("ISO_IR 144", "über", "ISO_IR 144", "?ber")]
    [InlineData(null, "plain", null, "plain")]
    public void Labels_AreWrittenInTheImagesCharacters(string? characters, string label, string? expectedCharacters, string expected)
    {
        byte[] image = Image(d => _ = characters is null ? d : d.Text(0x00080005, "CS", characters));
        DicomDataSet set = Read(Write(image, Result() with { Label = label, Scores = [(label, 1)] }));
        Assert.Equal(expectedCharacters, set.Text(DicomTag.SpecificCharacterSet));
        byte[] meaning = Tree(set).Select(i => i.Item(new(0x0040, 0xA168))?.Find(new(0x0008, 0x0104))?.Value.ToArray()).OfType<byte[]>().Last();
        Assert.Equal(expected, (characters == "ISO_IR 100" ? Encoding.Latin1 : Encoding.UTF8).GetString(meaning).TrimEnd());
    }

    [Fact]
    public void LabelsThatCanApplyTogether_HaveProbabilitiesAndNoAnswer()
    {
        DicomDataSet set = Read(Write(Image(), Result() with { Scores = [("nodule", 0.7), ("effusion", 0.6)], Label = "nodule" }));
        Assert.Equal(2, Tree(set).Count(i => i.Item(new(0x0040, 0xA300)) is not null));
        Assert.Equal("MeLo Edge", Tree(set).Select(i => i.Text(s_text)).OfType<string>().First());
        Assert.DoesNotContain(Tree(set), i => i.Item(new(0x0040, 0xA168))?.Text(new(0x0008, 0x0102)) == "99MELO");
    }

    [Fact]
    public void AnythingElseThatIsWritten_IsAnotherReport()
    {
        byte[] image = Image();
        ReportedResult[] results = [Result(), Result() with { CompletedAt = DateTimeOffset.UnixEpoch }, Result() with { Arithmetic = "int8, cpu" }, Result() with { Scores = [("normal", 0.08), ("tuberculosis", 0.92)] }];
        Assert.Equal(results.Length, results.Select(r => Read(Write(image, r)).Text(DicomTag.SopInstanceUid)).Distinct().Count());
    }

    [Fact]
    public void PatientThatCannotBeCopied_IsNotLeftOut() => Assert.Throws<ImageException>(() => Write(Image(d => d.Element(0x00100010, "UN", new byte[2000]))));

    [Fact]
    public void ImageThatDoesNotSayWhichItIs_HasNoReport()
    {
        Assert.Throws<ImageException>(() => Write(new TestDicom().Word(0x00280002, 1).DataSet()));
        Assert.Throws<ImageException>(() => Write("no DICOM"u8.ToArray()));
    }

    [Fact]
    public void EverySamplesReport_IsValidAndReadable()
    {
        if (Find("dciodvfy") is null || Find("dsrdump") is null) Assert.Skip("needs dciodvfy and dsrdump");
        List<(string Name, byte[] Image)> images = [("generated", Image(d => d.Text(0x00100010, "PN", "DOE^JANE")))];
        byte[] series = SeriesArchive.Pack(TestVolume.Make(3, 4, 5).Slices(more: d => d.Text(0x0020000D, "UI", "1.2.9").Text(0x00080060, "CS", "CT")).Select(s => (ReadOnlyMemory<byte>)s));
        images.Add(("series", series));
        images.AddRange(Samples());
        using TemporaryFolder folder = new();
        foreach ((string name, byte[] image) in images)
        {
            // Without it nothing can refer to the image.
            if (((DicomTag[])[DicomTag.SopInstanceUid, DicomTag.SopClassUid, DicomTag.SeriesInstanceUid, new(0x0020, 0x000D)]).Any(tag => Read(SeriesArchive.Open(image)[0].ToArray()).Text(tag) is null)) continue;
            File.WriteAllBytes(folder["report.dcm"], Write(image));
            (_, string said) = Run("dciodvfy", folder["report.dcm"]);
            (int code, string dump) = Run("dsrdump", folder["report.dcm"]);
            if (FaultySources.Contains(name)) continue;
            Assert.DoesNotContain("Error", said, StringComparison.Ordinal);
            Assert.True(code == 0, $"{name}: {dump}");
            Assert.Contains("Probability of tuberculosis", dump, StringComparison.Ordinal);
        }
    }

    internal static IEnumerable<(string, byte[])> Samples()
    {
        string folder = Path.Combine(Environment.GetEnvironmentVariable("MELO_SHARED") ?? Path.Combine(SharedData.RepositoryRoot, "..", "shared"), "data", "dicom");
        if (!Directory.Exists(folder)) yield break;
        foreach (string path in Directory.GetFiles(folder).Order(StringComparer.Ordinal))
        {
            byte[] file = File.ReadAllBytes(path);
            bool isImage;
            try
            {
                _ = new DicomPixels(DicomFile.Open(file, DecodeLimits.Default), DecodeLimits.Default);
                isImage = true;
            }
            catch (ImageException)
            {
                isImage = false;
            }
            if (isImage) yield return (Path.GetFileName(path), file);
        }
    }

    internal static byte[] Image(Action<TestDicom>? more = null) => TestDicom.Gray(2, 1, [1, 2], more: d =>
    {
        d.Text(0x0020000D, "UI", "1.2.9").Text(0x0020000E, "UI", "1.2.8");
        more?.Invoke(d);
    }).File();

    internal static ReportedResult Result() => new()
    {
        Task = "tuberculosis",
        Release = 3,
        Label = "tuberculosis",
        Scores = [("normal", 0.07), ("tuberculosis", 0.93)],
        BaseDigest = "sha256:000000000000aa",
        BundleDigest = "sha256:bb",
        Arithmetic = "fp32, cpu",
        CompletedAt = DateTimeOffset.UnixEpoch.AddDays(20_000).AddHours(19),
    };

    private static byte[] Write(byte[] image, ReportedResult? result = null) => StructuredReport.Write(
        image, Convert.ToHexStringLower(SHA256.HashData(image)), result ?? Result(), TimeZoneInfo.CreateCustomTimeZone("test", TimeSpan.FromHours(2), "test", "test"));

    internal static DicomDataSet Read(byte[] report) => DicomFile.Open(report, DecodeLimits.Default).DataSet;

    private static IEnumerable<DicomDataSet> Tree(DicomDataSet item) => item.Items(s_content).SelectMany(child => Tree(child).Prepend(child));

    internal static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(p => Path.Combine(p, program)).FirstOrDefault(File.Exists);

    internal static (int Code, string Said) Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string said = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        return (process.ExitCode, said);
    }
}
