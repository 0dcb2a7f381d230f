using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MeLo.Edge.Imaging;
using MeLo.Edge.Reports;

namespace MeLo.Edge.Tests.Reports;

/// <summary>FHIR reports against R4's definitions, as <see cref="FhirValidator"/> has them.</summary>
public sealed class FhirReportTests
{
    private const string DataAbsent = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

    [Fact]
    public void Report_HasThePatientTheStudyAndWhatAnsweredIt()
    {
        JsonElement bundle = Bundle(Image(d => d
            .Text(0x00080020, "DA", "20260131").Text(0x00080022, "DA", "20260131").Text(0x00080030, "TM", "1020").Text(0x00080032, "TM", "102133.5").Text(0x00080050, "SH", "A-17").Text(0x00080060, "CS", "DX")
            .Text(0x00080201, "SH", "-0330").Text(0x00081030, "LO", "Thorax pa").Text(0x00100010, "PN", "DOE^JANE^Q^DR^JR").Text(0x00100020, "LO", "17").Text(0x00100021, "LO", "Hospital").Text(0x00100030, "DA", "19700101").Text(0x00100040, "CS", "F")));

        Assert.Equal(("Bundle", "collection", "2024-10-04T19:00:00.000Z"), (Text(bundle, "resourceType"), Text(bundle, "type"), Text(bundle, "timestamp")));
        JsonElement report = One(bundle, "DiagnosticReport"), patient = One(bundle, "Patient"), study = One(bundle, "ImagingStudy"), device = One(bundle, "Device");
        Assert.Equal("preliminary", Text(report, "status"));
        Assert.Equal("RAD", Text(report, "category", 0, "coding", 0, "code"));
        Assert.Equal(("2026-01-31T10:21:33.5-03:30", "2024-10-04T19:00:00.000Z"), (Text(report, "effectiveDateTime"), Text(report, "issued")));
        Assert.Equal(("ServiceRequest", "A-17"), (Text(report, "basedOn", 0, "type"), Text(report, "basedOn", 0, "identifier", "value")));
        Assert.Equal("DOE, JANE Q", Text(report, "subject", "display"));
        Assert.StartsWith("Made by an algorithm and not verified by a person. tuberculosis: tuberculosis (93 %). ", Text(report, "conclusion"), StringComparison.Ordinal);
        Assert.EndsWith("release 3, bundle sha256:bb, base sha256:000000000000aa.", Text(report, "conclusion"), StringComparison.Ordinal);

        Assert.Equal(("17", "Hospital", "1970-01-01", "female"), (Text(patient, "identifier", 0, "value"), Text(patient, "identifier", 0, "assigner", "display"), Text(patient, "birthDate"), Text(patient, "gender")));
        JsonElement name = patient.GetProperty("name")[0];
        Assert.Equal(("DOE", "JANE", "Q", "DR", "JR"), (Text(name, "family"), Text(name, "given", 0), Text(name, "given", 1), Text(name, "prefix", 0), Text(name, "suffix", 0)));

        Assert.Equal(("urn:dicom:uid", "urn:oid:1.2.9", "A-17"), (Text(study, "identifier", 0, "system"), Text(study, "identifier", 0, "value"), Text(study, "identifier", 1, "value")));
        Assert.Equal(("2026-01-31T10:20:00-03:30", "Thorax pa", "1.2.8", "DX"), (Text(study, "started"), Text(study, "description"), Text(study, "series", 0, "uid"), Text(study, "series", 0, "modality", "code")));
        Assert.Equal(("1.2.3", "urn:oid:1.2.840.10008.5.1.4.1.1.7"), (Text(study, "series", 0, "instance", 0, "uid"), Text(study, "series", 0, "instance", 0, "sopClass", "code")));

        Assert.Equal(["sha256:bb", "sha256:000000000000aa"], device.GetProperty("identifier").EnumerateArray().Skip(1).Select(i => Text(i, "value")));
        Assert.Equal("3", Text(device, "version", 0, "value"));
        JsonElement[] observations = [.. All(bundle, "Observation")];
        Assert.Equal(["tuberculosis", "Probability of normal", "Probability of tuberculosis"], observations.Select(o => Text(o, "code", "text")));
        Assert.Equal("tuberculosis", Text(observations[0], "valueCodeableConcept", "text"));
        Assert.Equal([0.07m, 0.93m], observations[1..].Select(o => o.GetProperty("valueQuantity").GetProperty("value").GetDecimal()));
        Assert.All(observations, o => Assert.Equal(UrlOf(bundle, "Device"), Text(o, "device", "reference")));
        Assert.Equal(3, report.GetProperty("result").GetArrayLength());
        Assert.Equal(UrlOf(bundle, "ImagingStudy"), Text(report, "imagingStudy", 0, "reference"));
    }

    [Fact]
    public void PictureThatIsNoDicom_HasNoPatientAndNoStudy()
    {
        JsonElement bundle = Bundle("a picture"u8.ToArray());
        Assert.Equal(["DiagnosticReport", "Observation", "Observation", "Observation", "Device"], bundle.GetProperty("entry").EnumerateArray().Select(e => Text(e.GetProperty("resource"), "resourceType")));
        Assert.False(One(bundle, "DiagnosticReport").TryGetProperty("subject", out _));
        Assert.StartsWith("sha256:", Text(One(bundle, "DiagnosticReport"), "identifier", 1, "value"), StringComparison.Ordinal);
    }

    [Fact]
    public void SameResult_GivesTheSameBytes_AndAnythingElseOtherIdentifiers()
    {
        byte[] image = Image();
        Assert.Equal(Write(image), Write(image));
        ReportedResult[] results = [Result(), Result() with { BundleDigest = "sha256:cc" }, Result() with { BaseDigest = "sha256:000000000000cc" }, Result() with { CompletedAt = DateTimeOffset.UnixEpoch }, Result() with { Arithmetic = "int8, cpu" },
            Result() with { Scores = [("normal", 0.08), ("tuberculosis", 0.92)] }];
        string?[] urls = [.. results.Select(r => Bundle(image, r)).Append(Bundle(Image(d => d.Text(0x00100020, "LO", "18")))).SelectMany(b => b.GetProperty("entry").EnumerateArray().Select(e => Text(e, "fullUrl")))];
        Assert.Equal(urls.Length, urls.Distinct().Count());
    }

    [Fact]
    public void ImageThatSaysNothing_HasNeitherPatientNorStudy_ButAReport()
    {
        JsonElement bundle = Bundle(new TestDicom().Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7").Word(0x00280002, 1).File());
        Assert.Empty(All(bundle, "Patient"));
        Assert.Empty(All(bundle, "ImagingStudy"));
        Assert.Equal("not said by the image", Text(One(bundle, "DiagnosticReport"), "subject", "display"));
    }

    [Fact]
    public void StudyWithoutModality_SaysThatItIsUnknown()
    {
        JsonElement series = One(Bundle(Image()), "ImagingStudy").GetProperty("series")[0];
        Assert.Equal((DataAbsent, "unknown"), (Text(series, "modality", "extension", 0, "url"), Text(series, "modality", "extension", 0, "valueCode")));
    }

    [Fact]
    public void LabelsThatCanApplyTogether_HaveProbabilitiesAndNoAnswer()
    {
        JsonElement bundle = Bundle(Image(), Result() with { Scores = [("nodule", 0.7), ("effusion", 0.6)], Label = "nodule" });
        Assert.Equal(["Probability of nodule", "Probability of effusion"], All(bundle, "Observation").Select(o => Text(o, "code", "text")));
        Assert.Contains("nodule (70 %), effusion (60 %)", Text(One(bundle, "DiagnosticReport"), "conclusion"), StringComparison.Ordinal);
    }

    [Fact]
    public void CodesOfLabels_AreThoseOfTheStructuredReport()
    {
        byte[] image = Image();
        string code = Text(All(Bundle(image), "Observation").First(), "valueCodeableConcept", "coding", 0, "code")!;
        byte[] report = StructuredReport.Write(image, Digest(image), Result(), Zone);
        Assert.Contains(code, Encoding.Latin1.GetString(report), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("19700203", "1970-02-03")]
    [InlineData("1970.02.03", "1970-02-03")]
    [InlineData("197002", "1970-02")]
    [InlineData("1970", "1970")]
    [InlineData("19700200", "1970-02")]
    [InlineData("19700000", "1970")]
    [InlineData("00000000", null)]
    [InlineData("19700230", null)]
    [InlineData("19701301", null)]
    [InlineData("unknown", null)]
    [InlineData("1970-02-03", null)]
    public void BirthDates_AreAsPreciseAsTheyAreGiven(string date, string? expected)
    {
        JsonElement patient = One(Bundle(Image(d => d.Text(0x00100020, "LO", "1").Element(0x00100030, "DA", Encoding.ASCII.GetBytes(date.PadRight(date.Length + (date.Length % 2)))))), "Patient");
        Assert.Equal(expected, patient.TryGetProperty("birthDate", out JsonElement value) ? value.GetString() : null);
    }

    [Theory]
    [InlineData("20260131", "102030", null, "2026-01-31T10:20:30+02:00")]
    [InlineData("20260131", "1020", null, "2026-01-31T10:20:00+02:00")]
    [InlineData("20260131", "10:20:30.123456", "+1400", "2026-01-31T10:20:30.123456+14:00")]
    [InlineData("20260131", "235960", "+0000", "2026-01-31T23:59:60+00:00")]
    [InlineData("20260131", "10", null, "2026-01-31")]
    [InlineData("20260131", "2520", null, "2026-01-31")]
    [InlineData("20260131", null, null, "2026-01-31")]
    [InlineData("202601", "1020", null, "2026-01")]
    [InlineData("20260131", "1020", "+9999", "2026-01-31T10:20:00+02:00")]
    [InlineData("never", "1020", null, null)]
    public void TimesOfStudies_AreTheImagesOrTheHospitals(string date, string? time, string? offset, string? expected)
    {
        JsonElement study = One(Bundle(Image(d =>
        {
            d.Text(0x00080020, "DA", date);
            if (time is not null) d.Text(0x00080030, "TM", time);
            if (offset is not null) d.Text(0x00080201, "SH", offset);
        })), "ImagingStudy");
        Assert.Equal(expected, study.TryGetProperty("started", out JsonElement value) ? value.GetString() : null);
    }

    // The examples of PS3.5, annexes H to K.
    [Theory]
    [InlineData("ISO_IR 100", "Buc^J\xe9r\xf4me", "Buc^Jérôme")]
    [InlineData("ISO_IR 101", "W\xb3os", "Włos")]
    [InlineData("ISO_IR 144", "\xbb\xee\xda\x63\x65\xdc\xd1\x79\x70\xd3", "Люкceмбypг")]
    [InlineData("ISO_IR 126", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος")]
    [InlineData("ISO_IR 192", "Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1", "Wang^XiaoDong=王^小東")]
    [InlineData("GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东")]
    [InlineData("\\ISO 2022 IR 87", "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", "Yamada^Tarou=山田^太郎=やまだ^たろう")]
    [InlineData("ISO 2022 IR 13\\ISO 2022 IR 87", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎")]
    [InlineData("\\ISO 2022 IR 149", "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf", "Hong^Gildong=洪^吉洞=홍^길동")]
    [InlineData("\\ISO 2022 IR 58", "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab", "Zhang^XiaoDong=张^小东")]
    [InlineData("\\ISO 2022 IR 159", "A^B=\x1b$(D0!\x1b(B^C", "A^B=\ufffd^C")]
    [InlineData(null, "J\xe9r\xf4me", "J\ufffdr\ufffdme")]
    [InlineData("ISO_IR 192", "J\xe9r\xf4me", "J\ufffdr\ufffdme")]
    [InlineData("NONSENSE", "J\xe9", "J\ufffd")]
    public void Names_AreReadInTheImagesCharacters(string? characters, string bytes, string expected)
    {
        JsonElement patient = One(Bundle(Image(d =>
        {
            if (characters is not null) d.Text(0x00080005, "CS", characters);
            byte[] value = Encoding.Latin1.GetBytes(bytes);
            d.Element(0x00100010, "PN", value.Length % 2 == 0 ? value : [.. value, (byte)' ']);
        })), "Patient");
        string[] groups = expected.Split('=');
        Assert.Equal(groups.Length, patient.GetProperty("name").GetArrayLength());
        for (int i = 0; i < groups.Length; i++)
        {
            JsonElement name = patient.GetProperty("name")[i];
            string[] parts = groups[i].Split('^');
            Assert.Equal(parts[0], Text(name, "family"));
            if (parts.Length > 1) Assert.Equal(parts[1], Text(name, "given", 0));
            Assert.Equal(groups.Length > 1 ? ((string[])["ABC", "IDE", "SYL"])[i] : null, name.TryGetProperty("extension", out JsonElement e) ? Text(e[0], "valueCode") : null);
        }
    }

    [Theory]
    [InlineData("^^^^")]
    [InlineData("==")]
    [InlineData("  ^ =^")]
    [InlineData("a^b^c^d^e^f^g=h=i=j")]
    [InlineData("\u0001\u0002")]
    [InlineData("\",\"resourceType\":\"Bundle\"}</div>")]
    [InlineData("\u001b")]
    [InlineData("\u001b$B")]
    [InlineData("a\u0085b\u001b$(")]
    public void HostileTexts_GiveValidReports(string value)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(value);
        if (bytes.Length % 2 != 0) bytes = [.. bytes, (byte)' '];
        foreach (string characters in (string[])["", "ISO_IR 100", "ISO_IR 192", "\\ISO 2022 IR 87", "GB18030"])
        {
            byte[] image = new TestDicom()
                .Element(0x00080005, "CS", Encoding.ASCII.GetBytes(characters.PadRight(characters.Length + (characters.Length % 2))))
                .Text(0x00080016, "UI", value.Length > 5 ? "1.2" : "not a uid").Text(0x00080018, "UI", "1..2").Element(0x00080020, "DA", bytes).Element(0x00080022, "DA", bytes).Element(0x00080030, "TM", bytes).Element(0x00080032, "TM", bytes)
                .Element(0x00080050, "SH", bytes).Element(0x00080060, "CS", bytes).Element(0x00080201, "SH", bytes).Element(0x00081030, "LO", bytes)
                .Element(0x00100010, "PN", bytes).Element(0x00100020, "LO", bytes).Element(0x00100021, "LO", bytes).Element(0x00100030, "DA", bytes).Element(0x00100040, "CS", bytes)
                .Text(0x0020000D, "UI", "1.2.9").Text(0x0020000E, "UI", "1.2.8").File();
            Bundle(image, Result() with { Label = value, Scores = [(value, 1e-9), ("other", 1 - 1e-9)] });
        }
    }

    [Fact]
    public void MutatedImages_AreRefusedOrGiveValidReports()
    {
        byte[] image = Image(d => d
            .Text(0x00080005, "CS", "\\ISO 2022 IR 87").Text(0x00080020, "DA", "20260131").Text(0x00080030, "TM", "102030.5").Text(0x00080050, "SH", "A-17").Text(0x00080060, "CS", "DX").Text(0x00080201, "SH", "-0330")
            .Text(0x00100010, "PN", "Yamada^Tarou=\u001b$B;3ED\u001b(B^x").Text(0x00100020, "LO", "17").Text(0x00100030, "DA", "19700101").Text(0x00100040, "CS", "F"));
        Random random = new(17);
        int valid = 0;
        for (int round = 0; round < 3000; round++)
        {
            byte[] mutated = [.. image];
            for (int i = random.Next(1, 6); i > 0; i--) mutated[random.Next(300, mutated.Length)] = (byte)random.Next(256);
            try
            {
                Bundle(mutated);
                valid++;
            }
            catch (ImageException)
            {
                // broken
            }
        }
        Assert.InRange(valid, 500, 3000);
    }

    [Fact]
    public void PatientThatIsTooLong_IsNotLeftOut() => Assert.Throws<ImageException>(() => Write(Image(d => d.Element(0x00100010, "UN", new byte[2000]))));

    [Fact]
    public void EverySamplesReport_IsValid()
    {
        string folder = Path.Combine(Environment.GetEnvironmentVariable("MELO_SHARED") ?? Path.Combine(SharedData.RepositoryRoot, "..", "shared"), "data", "dicom");
        Assert.SkipUnless(Directory.Exists(folder), "needs the DICOM corpus");
        int patients = 0;
        foreach (string path in Directory.GetFiles(folder).Order(StringComparer.Ordinal))
        {
            byte[] report;
            try
            {
                report = Write(File.ReadAllBytes(path));
            }
            catch (ImageException)
            {
                continue; // broken ones
            }
            IReadOnlyList<string> faults = FhirValidator.Faults(report);
            Assert.True(faults.Count == 0, $"{Path.GetFileName(path)}: {string.Join('\n', faults)}");
            patients += Encoding.UTF8.GetString(report).Contains("\"Patient\"", StringComparison.Ordinal) ? 1 : 0;
            Keep(Path.GetFileName(path), report);
        }
        Assert.InRange(patients, 50, 1000);
    }

    // For other validators.
    private static void Keep(string name, byte[] report)
    {
        if (Environment.GetEnvironmentVariable("MELO_TEST_KEEP") is string folder) File.WriteAllBytes(Path.Combine(folder, name + ".fhir.json"), report);
    }

    private static TimeZoneInfo Zone => TimeZoneInfo.CreateCustomTimeZone("test", TimeSpan.FromHours(2), "test", "test");

    private static byte[] Image(Action<TestDicom>? more = null) => StructuredReportTests.Image(more);

    private static ReportedResult Result() => StructuredReportTests.Result();

    private static string Digest(byte[] input) => Convert.ToHexStringLower(SHA256.HashData(input));

    private static byte[] Write(byte[] input, ReportedResult? result = null) => FhirReport.Write(input, Digest(input), result ?? Result(), Zone);

    private static JsonElement Bundle(byte[] input, ReportedResult? result = null)
    {
        byte[] report = Write(input, result);
        Assert.Empty(FhirValidator.Faults(report));
        using JsonDocument document = JsonDocument.Parse(report);
        return document.RootElement.Clone();
    }

    private static IEnumerable<JsonElement> All(JsonElement bundle, string type) => bundle.GetProperty("entry").EnumerateArray().Select(e => e.GetProperty("resource")).Where(r => Text(r, "resourceType") == type);

    private static JsonElement One(JsonElement bundle, string type) => Assert.Single(All(bundle, type));

    private static string? UrlOf(JsonElement bundle, string type) => Text(bundle.GetProperty("entry").EnumerateArray().Single(e => Text(e.GetProperty("resource"), "resourceType") == type), "fullUrl");

    private static string? Text(JsonElement element, params object[] path)
    {
        foreach (object step in path) element = step is int index ? element[index] : element.GetProperty((string)step);
        return element.GetString();
    }
}
