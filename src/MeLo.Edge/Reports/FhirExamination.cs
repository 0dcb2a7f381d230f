using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeLo.Edge.Dicom;
using static MeLo.Edge.Reports.FhirNode;

namespace MeLo.Edge.Reports;

/// <summary>The patient and the study of a DICOM image as FHIR resources (R4, "Patient", "ImagingStudy" and its mapping to DICOM).</summary>
internal static partial class FhirExamination
{
    // The three ways to write one name, by PS3.5's order of groups.
    private static readonly string[] s_representations = ["ABC", "IDE", "SYL"];

    /// <summary>Patient; null where the image says nothing about one.</summary>
    public static JsonObject? Patient(DicomExamination examination)
    {
        string[] groups = examination.PatientName?.Split('=') ?? [];
        JsonObject? patient = Object(
            ("identifier", List(PatientId(examination))),
            ("name", List([.. groups.Take(s_representations.Length).Select((group, i) => (JsonNode?)Name(group, groups.Length > 1 ? s_representations[i] : null))])),
            ("gender", examination.PatientSex?.ToUpperInvariant() switch { "M" => "male", "F" => "female", "O" => "other", _ => null }),
            ("birthDate", FhirTime.Date(examination.PatientBirthDate)));
        patient?.Insert(0, "resourceType", "Patient");
        return patient;
    }

    /// <summary>What a patient is shown as.</summary>
    public static string? Display(DicomExamination examination)
    {
        string[] parts = Components(examination.PatientName?.Split('=').FirstOrDefault(g => Components(g).Any(c => c.Length > 0)) ?? "");
        string given = string.Join(' ', parts.Skip(1).Take(2).Where(p => p.Length > 0));
        string display = string.Join(", ", ((string[])[parts[0], given]).Where(p => p.Length > 0));
        return display.Length > 0 ? display : examination.PatientId;
    }

    /// <summary>ImagingStudy, with the one series and its images; null where the first of them does not say which study it is of.</summary>
    public static JsonObject? Study(IReadOnlyList<DicomExamination> images, JsonNode subject, TimeZoneInfo zone) => images[0] is var examination && !IsUid(examination.StudyInstanceUid) ? null : Object(
        ("resourceType", "ImagingStudy"),
        ("identifier", List(Identifier("urn:dicom:uid", $"urn:oid:{examination.StudyInstanceUid}"), Accession(examination))),
        ("status", "available"),
        ("subject", subject),
        ("started", FhirTime.DateTime(examination.StudyDate, examination.StudyTime, examination.TimezoneOffset, zone)),
        ("description", Text(examination.StudyDescription)),
        ("series", List(Series(images))));

    /// <summary>The identifier of the order; null where the image has none.</summary>
    public static JsonObject? Accession(DicomExamination examination) =>
        Identifier(null, examination.AccessionNumber, Concept(null, Coding("http://terminology.hl7.org/CodeSystem/v2-0203", "ACSN", "Accession ID")));

    private static JsonObject? PatientId(DicomExamination examination)
    {
        JsonObject? identifier = Identifier(null, examination.PatientId);
        if (identifier is not null && Object(("display", Text(examination.PatientIdIssuer))) is { } assigner) identifier.Add("assigner", assigner);
        return identifier;
    }

    private static JsonObject? Series(IReadOnlyList<DicomExamination> images)
    {
        DicomExamination examination = images[0];
        if (!IsUid(examination.SeriesInstanceUid)) return null;
        // Both must be there (1..1); what the image does not say is said to be unknown.
        JsonNode? modality = examination.Modality is { } code && Codes().IsMatch(code) ? Coding("http://dicom.nema.org/resources/ontology/DCM", code) : Unknown();
        return Object(
            ("uid", examination.SeriesInstanceUid),
            ("modality", modality),
            ("instance", List([.. images.Where(i => IsUid(i.SopInstanceUid)).Select(i => (JsonNode?)Object(
                ("uid", i.SopInstanceUid), ("sopClass", IsUid(i.SopClassUid) ? Coding(UriSystem, $"urn:oid:{i.SopClassUid}") : Unknown())))])));
    }

    // HumanName: family^given^middle^prefix^suffix.
    private static JsonObject? Name(string group, string? representation)
    {
        string[] parts = Components(group);
        JsonObject? name = Object(
            ("family", Text(parts[0])), ("given", List(Text(parts[1]), Text(parts[2]))), ("prefix", List(Text(parts[3]))), ("suffix", List(Text(parts[4]))));
        if (name is not null && representation is not null)
            name.Insert(0, "extension", List(Object(("url", "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"), ("valueCode", representation))));
        return name;
    }

    private static string[] Components(string group)
    {
        string[] parts = [.. group.Split('^').Select(p => p.Trim())];
        return parts.Length >= 5 ? parts : [.. parts, .. Enumerable.Repeat("", 5 - parts.Length)];
    }

    private static JsonObject? Unknown() => Object(("extension", List(Object(("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason"), ("valueCode", "unknown")))));

    private static bool IsUid(string? uid) => uid is { Length: <= 64 } && Uids().IsMatch(uid);

    // As images have them: leading zeros, which PS3.5 forbids, are how their archive knows them.
    [GeneratedRegex("^[0-2](\\.[0-9]+)+\\z")]
    private static partial Regex Uids();

    [GeneratedRegex("^[A-Z0-9_]{1,16}\\z")]
    private static partial Regex Codes();
}
