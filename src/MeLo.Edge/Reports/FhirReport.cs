using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;
using static MeLo.Edge.Reports.FhirNode;

namespace MeLo.Edge.Reports;

/// <summary>
/// A prediction as a FHIR R4 (4.0.1) Bundle of type <c>collection</c>: a preliminary DiagnosticReport, an Observation for the label and for every probability, the algorithm as a Device, and for DICOM images
/// their Patient and ImagingStudy. References are to resources within the bundle.
/// </summary>
public static class FhirReport
{
    private const string Maker = "MeLo Edge", Preliminary = "preliminary";

    // What DICOM reports call 99MELO; the codes are the same ones.
    private static readonly string s_privateScheme = DicomUid.Urn("coding scheme", CodedConcept.PrivateScheme);

    private static readonly JsonWriterOptions s_json = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the report: the same input and result give the same bytes. Where labels exclude each other, the one that was answered is an observation beside the probabilities.</summary>
    /// <param name="input">The file that was answered: a DICOM file, the archive of a series, or any other, about which the report says nothing but its digest.</param>
    /// <param name="inputDigest">The SHA-256 of its bytes, hexadecimal.</param>
    /// <param name="result">The answer.</param>
    /// <param name="zone">The zone of the image's dates and times, unless the image says: the hospital's zone.</param>
    /// <returns>JSON in UTF-8, with a final newline.</returns>
    /// <exception cref="ImageException">The input is a broken DICOM file, or has a patient that cannot be taken over.</exception>
    public static byte[] Write(ReadOnlyMemory<byte> input, string inputDigest, ReportedResult result, TimeZoneInfo zone)
    {
        DicomExamination[] examinations = [.. SeriesArchive.Open(input).Select(DicomExamination.Read).OfType<DicomExamination>()];
        DicomExamination? examination = examinations.FirstOrDefault();
        string? effective = examination is null ? null : FhirTime.DateTime(examination.ImageDate, examination.ImageTime, examination.TimezoneOffset, zone);
        // Of everything that is written: two reports that say other things are two resources.
        string[] identity = ["fhir", inputDigest, result.Task, result.BundleDigest, result.BaseDigest, result.Arithmetic, Version, FhirTime.Instant(result.CompletedAt), effective ?? "",
            .. result.Scores.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Label} {s.Probability:R}"))];
        string Urn(string what) => DicomUid.Urn([what, .. identity]);

        JsonObject? patient = examination is null ? null : FhirExamination.Patient(examination);
        string? patientUrn = patient is null ? null : Urn("patient");
        // An ImagingStudy has a subject (1..1), even where the image does not say whom it shows.
        JsonObject? Subject() => examination is null ? null : Reference(patientUrn, patient is null ? "not said by the image" : FhirExamination.Display(examination));
        JsonObject? study = examination is null ? null : FhirExamination.Study(examinations, Subject()!, zone);
        string? studyUrn = study is null ? null : Urn("study");
        string issued = FhirTime.Instant(result.CompletedAt), device = Urn("device");

        JsonObject Observation(JsonObject? code, (string Name, JsonNode? Value) value) => Object(
            ("resourceType", "Observation"),
            ("status", Preliminary),
            ("category", examination is null ? null : List(Concept(null, Coding("http://terminology.hl7.org/CodeSystem/observation-category", "imaging", "Imaging")))),
            ("code", code),
            ("subject", Subject()),
            ("effectiveDateTime", effective),
            ("issued", issued),
            value,
            ("device", Reference(device)),
            ("derivedFrom", studyUrn is null ? null : List(Reference(studyUrn))))!;

        List<(string Urn, JsonObject Resource)> observations = [];
        if (result.LabelsExclude)
            observations.Add((Urn("label"), Observation(Concept(result.Task, Private(CodedConcept.Private(result.Task, "task", result.Task))), ("valueCodeableConcept", Concept(result.Label, Private(CodedConcept.Private(result.Label, "label", result.Task, result.Label)))))));
        for (int i = 0; i < result.Scores.Count; i++)
        {
            (string label, double probability) = result.Scores[i];
            CodedConcept about = CodedConcept.Private($"Probability of {label}", "probability", result.Task, label);
            observations.Add((Urn(string.Create(CultureInfo.InvariantCulture, $"probability {i}")), Observation(Concept(about.Meaning, Private(about)), ("valueQuantity", Probability(probability)))));
        }

        JsonObject? accession = examination is null ? null : FhirExamination.Accession(examination);
        JsonObject report = Object(
            ("resourceType", "DiagnosticReport"),
            ("identifier", List(Identifier(UriSystem, Urn("report")), Identifier(null, $"sha256:{inputDigest}", Concept("SHA-256 of the input")))),
            ("basedOn", accession is null ? null : List(Object(("type", "ServiceRequest"), ("identifier", accession)))),
            ("status", Preliminary),
            ("category", examination is null ? null : List(Concept(null, Coding("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology")))),
            ("code", Concept($"AI result: {result.Task}", examination is null ? null : Coding("http://loinc.org", "18748-4", "Diagnostic imaging study"), Private(CodedConcept.Private(result.Task, "task", result.Task)))),
            ("subject", Subject()),
            ("effectiveDateTime", effective),
            ("issued", issued),
            ("result", List([.. observations.Select(o => (JsonNode?)Reference(o.Urn))])),
            ("imagingStudy", studyUrn is null ? null : List(Reference(studyUrn))),
            ("conclusion", Text(Conclusion(result))))!;

        List<(string Urn, JsonObject Resource)> entries = [(Urn("report"), report), .. observations, (device, Device(result, device))];
        if (study is not null) entries.Add((studyUrn!, study));
        if (patient is not null) entries.Add((patientUrn!, patient));
        return Bytes(Object(
            ("resourceType", "Bundle"),
            ("identifier", Identifier(UriSystem, Urn("bundle"))),
            ("type", "collection"),
            ("timestamp", issued),
            ("entry", List([.. entries.Select(e => (JsonNode?)Object(("fullUrl", e.Urn), ("resource", e.Resource)))])))!);
    }

    private static string Version { get; } = typeof(FhirReport).Assembly.GetName().Version!.ToString(3);

    private static JsonObject Device(ReportedResult result, string urn) => Object(
        ("resourceType", "Device"),
        ("identifier", List(
            Identifier(UriSystem, urn),
            Identifier(null, result.BundleDigest, Concept("digest of the bundle")),
            Identifier(null, result.BaseDigest, Concept("digest of the base")))),
        ("manufacturer", Maker),
        ("deviceName", List(Object(("name", Text($"{Maker}, {result.Task}")), ("type", "model-name")))),
        ("type", Concept("algorithm that classifies images")),
        ("version", List(
            DeviceVersion("release of the bundle", result.Release.ToString(CultureInfo.InvariantCulture)),
            DeviceVersion("software", Version),
            DeviceVersion("arithmetic", result.Arithmetic))))!;

    private static JsonObject? DeviceVersion(string of, string value) => Object(("type", Concept(of)), ("value", Text(value)));

    private static string Conclusion(ReportedResult result)
    {
        string answer = result.LabelsExclude
            ? $"{result.Label} ({Percent(result.Scores.FirstOrDefault(s => s.Label == result.Label).Probability)})"
            : string.Join(", ", result.Scores.Select(s => $"{s.Label} ({Percent(s.Probability)})"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Made by an algorithm and not verified by a person. {result.Task}: {answer}. {Maker} {Version}, release {result.Release}, bundle {result.BundleDigest}, base {result.BaseDigest}.");
    }

    private static string Percent(double probability) => (100 * probability).ToString("0.#", CultureInfo.InvariantCulture) + " %";

    private static JsonObject? Probability(double probability) => Object(
        ("value", JsonValue.Create((decimal)Math.Round(probability, 8))), ("unit", "1"), ("system", "http://unitsofmeasure.org"), ("code", "1"));

    private static JsonObject? Private(CodedConcept concept) => Coding(s_privateScheme, concept.Value, concept.Meaning);

    private static byte[] Bytes(JsonObject bundle)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, s_json)) bundle.WriteTo(json);
        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }
}
