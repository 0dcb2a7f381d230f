using System.Text.Json;
using System.Text.RegularExpressions;

namespace MeLo.Edge.Tests.Reports;

/// <summary>
/// What FHIR R4 (4.0.1) says of the resources that reports are made of, written down from its definitions and not from the writer: members and their types, cardinalities, the value sets that are required, the regular expressions of
/// the datatypes page, and references within the bundle. A member that is not in these tables is a fault, though R4 may know it.
/// </summary>
internal sealed partial class FhirValidator
{
    // Member, type, minimum, maximum (0: any number, as an array), and the codes of a required value set.
    private sealed record Member(string Type, int Minimum = 0, bool IsList = false, string[]? Codes = null);

    private const string Loinc = "http://loinc.org", Dcm = "http://dicom.nema.org/resources/ontology/DCM", Uri = "urn:ietf:rfc:3986";

    private static readonly Dictionary<string, Dictionary<string, Member>> s_types = new()
    {
        ["Bundle"] = new()
        {
            ["resourceType"] = new("code", 1), ["identifier"] = new("Identifier"), ["type"] = new("code", 1, Codes: ["document", "message", "transaction", "transaction-response", "batch", "batch-response", "history", "searchset", "collection"]),
            ["timestamp"] = new("instant"), ["entry"] = new("Bundle.entry", IsList: true),
        },
        ["Bundle.entry"] = new() { ["fullUrl"] = new("uri"), ["resource"] = new("Resource") },
        ["DiagnosticReport"] = new()
        {
            ["resourceType"] = new("code", 1), ["identifier"] = new("Identifier", IsList: true), ["basedOn"] = new("Reference:CarePlan,ImmunizationRecommendation,MedicationRequest,NutritionOrder,ServiceRequest", IsList: true),
            ["status"] = new("code", 1, Codes: ["registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled", "entered-in-error", "unknown"]),
            ["category"] = new("CodeableConcept", IsList: true), ["code"] = new("CodeableConcept", 1), ["subject"] = new("Reference:Patient,Group,Device,Location"),
            ["effectiveDateTime"] = new("dateTime"), ["issued"] = new("instant"), ["result"] = new("Reference:Observation", IsList: true), ["imagingStudy"] = new("Reference:ImagingStudy", IsList: true), ["conclusion"] = new("string"),
        },
        ["Observation"] = new()
        {
            ["resourceType"] = new("code", 1), ["status"] = new("code", 1, Codes: ["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"]),
            ["category"] = new("CodeableConcept", IsList: true), ["code"] = new("CodeableConcept", 1), ["subject"] = new("Reference:Patient,Group,Device,Location"), ["effectiveDateTime"] = new("dateTime"), ["issued"] = new("instant"),
            ["valueQuantity"] = new("Quantity"), ["valueCodeableConcept"] = new("CodeableConcept"), ["device"] = new("Reference:Device,DeviceMetric"),
            ["derivedFrom"] = new("Reference:DocumentReference,ImagingStudy,Media,QuestionnaireResponse,Observation,MolecularSequence", IsList: true),
        },
        ["Device"] = new()
        {
            ["resourceType"] = new("code", 1), ["identifier"] = new("Identifier", IsList: true), ["manufacturer"] = new("string"), ["deviceName"] = new("Device.deviceName", IsList: true), ["type"] = new("CodeableConcept"),
            ["version"] = new("Device.version", IsList: true),
        },
        ["Device.deviceName"] = new() { ["name"] = new("string", 1), ["type"] = new("code", 1, Codes: ["udi-label-name", "user-friendly-name", "patient-reported-name", "manufacturer-name", "model-name", "other"]) },
        ["Device.version"] = new() { ["type"] = new("CodeableConcept"), ["component"] = new("Identifier"), ["value"] = new("string", 1) },
        ["ImagingStudy"] = new()
        {
            ["resourceType"] = new("code", 1), ["identifier"] = new("Identifier", IsList: true), ["status"] = new("code", 1, Codes: ["registered", "available", "cancelled", "entered-in-error", "unknown"]),
            ["subject"] = new("Reference:Patient,Device,Group", 1), ["started"] = new("dateTime"), ["description"] = new("string"), ["series"] = new("ImagingStudy.series", IsList: true),
        },
        ["ImagingStudy.series"] = new() { ["uid"] = new("id", 1), ["modality"] = new("Coding", 1), ["instance"] = new("ImagingStudy.series.instance", IsList: true) },
        ["ImagingStudy.series.instance"] = new() { ["uid"] = new("id", 1), ["sopClass"] = new("Coding", 1) },
        ["Patient"] = new()
        {
            ["resourceType"] = new("code", 1), ["identifier"] = new("Identifier", IsList: true), ["name"] = new("HumanName", IsList: true), ["gender"] = new("code", Codes: ["male", "female", "other", "unknown"]), ["birthDate"] = new("date"),
        },
        ["HumanName"] = new() { ["extension"] = new("Extension", IsList: true), ["family"] = new("string"), ["given"] = new("string", IsList: true), ["prefix"] = new("string", IsList: true), ["suffix"] = new("string", IsList: true) },
        ["Identifier"] = new() { ["type"] = new("CodeableConcept"), ["system"] = new("uri"), ["value"] = new("string"), ["assigner"] = new("Reference:Organization") },
        ["CodeableConcept"] = new() { ["coding"] = new("Coding", IsList: true), ["text"] = new("string") },
        ["Coding"] = new() { ["extension"] = new("Extension", IsList: true), ["system"] = new("uri"), ["code"] = new("code"), ["display"] = new("string") },
        ["Quantity"] = new() { ["value"] = new("decimal"), ["unit"] = new("string"), ["system"] = new("uri"), ["code"] = new("code") },
        ["Reference"] = new() { ["reference"] = new("string"), ["type"] = new("uri"), ["identifier"] = new("Identifier"), ["display"] = new("string") },
        ["Extension"] = new() { ["url"] = new("uri", 1), ["valueCode"] = new("code") },
    };

    // https://hl7.org/fhir/R4/datatypes.html
    private static readonly Dictionary<string, Regex> s_formats = new()
    {
        ["string"] = Strings(), ["code"] = Codes(), ["id"] = Ids(), ["uri"] = Uris(), ["instant"] = Instants(), ["dateTime"] = DateTimes(), ["date"] = Dates(), ["decimal"] = Decimals(),
    };

    // Codes that are used, and their displays where the system gives them.
    private static readonly Dictionary<(string System, string Code), string?> s_codes = new()
    {
        [("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD")] = "Radiology", [("http://terminology.hl7.org/CodeSystem/observation-category", "imaging")] = "Imaging",
        [("http://terminology.hl7.org/CodeSystem/v2-0203", "ACSN")] = "Accession ID", [(Loinc, "18748-4")] = "Diagnostic imaging study",
    };

    private readonly List<string> _faults = [];
    private readonly List<(string Path, string Reference, string[] Targets)> _references = [];
    private readonly Dictionary<string, string> _resources = [];

    /// <summary>Everything that is wrong with a bundle.</summary>
    public static IReadOnlyList<string> Faults(byte[] bundle)
    {
        FhirValidator validator = new();
        using JsonDocument document = JsonDocument.Parse(bundle);
        validator.CheckBundle(document.RootElement);
        return validator._faults;
    }

    private void CheckBundle(JsonElement bundle)
    {
        if (bundle.GetProperty("resourceType").GetString() != "Bundle") _faults.Add("no Bundle");
        Check("Bundle", bundle, "Bundle");
        foreach ((string path, string reference, string[] targets) in _references)
        {
            if (!_resources.TryGetValue(reference, out string? type)) _faults.Add($"{path}: {reference} is not in the bundle");
            else if (!targets.Contains(type)) _faults.Add($"{path}: refers to a {type}");
        }
    }

    private void Check(string path, JsonElement element, string type)
    {
        string[] targets = type.StartsWith("Reference:", StringComparison.Ordinal) ? type[10..].Split(',') : [];
        if (targets.Length > 0) type = "Reference";
        if (type == "Resource") type = element.GetProperty("resourceType").GetString()!;
        if (s_formats.TryGetValue(type, out Regex? format))
        {
            CheckPrimitive(path, element, type, format);
            return;
        }
        if (element.ValueKind != JsonValueKind.Object || !element.EnumerateObject().Any())
        {
            _faults.Add($"{path}: expected an object with members");
            return;
        }
        Dictionary<string, Member> members = s_types[type];
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (!members.TryGetValue(property.Name, out Member? member)) _faults.Add($"{path}: unknown member {property.Name}");
            else CheckMember($"{path}.{property.Name}", property.Value, member);
        }
        foreach ((string name, Member member) in members)
            if (member.Minimum > 0 && !element.TryGetProperty(name, out _)) _faults.Add($"{path}: no {name}");
        if (element.EnumerateObject().Select(p => p.Name).Distinct().Count() != element.EnumerateObject().Count()) _faults.Add($"{path}: a member occurs twice");
        CheckRules(path, element, type, targets);
    }

    private void CheckMember(string path, JsonElement value, Member member)
    {
        if (!member.IsList)
        {
            Check(path, value, member.Type);
            if (member.Codes is not null && !member.Codes.Contains(value.GetString())) _faults.Add($"{path}: {value} is not in the value set");
            return;
        }
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0) _faults.Add($"{path}: expected an array with items");
        else foreach (JsonElement item in value.EnumerateArray()) Check(path, item, member.Type);
    }

    private void CheckPrimitive(string path, JsonElement element, string type, Regex format)
    {
        string text = type == "decimal" ? element.GetRawText() : element.ValueKind == JsonValueKind.String ? element.GetString()! : "";
        if (!format.IsMatch(text)) _faults.Add($"{path}: '{text}' is no {type}");
        if (type == "string" && (text.Length == 0 || text != text.Trim() || text.Any(c => c < ' ' && c is not ('\t' or '\r' or '\n')))) _faults.Add($"{path}: '{text}' is empty or has control characters");
        if (type == "uri" && text.StartsWith("urn:uuid:", StringComparison.Ordinal) && !Uuids().IsMatch(text)) _faults.Add($"{path}: '{text}' is no UUID");
    }

    private void CheckRules(string path, JsonElement element, string type, string[] targets)
    {
        string? Get(string name) => element.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;
        switch (type)
        {
            case "Bundle.entry": // bdl-7: full URLs are unique
                if (!_resources.TryAdd(Get("fullUrl") ?? "", element.GetProperty("resource").GetProperty("resourceType").GetString()!)) _faults.Add($"{path}: the fullUrl occurs twice");
                break;
            case "Reference":
                if (Get("reference") is { } reference) _references.Add((path, reference, targets));
                else if (Get("display") is null && !element.TryGetProperty("identifier", out _)) _faults.Add($"{path}: refers to nothing");
                if (Get("type") is { } named && !targets.Contains(named)) _faults.Add($"{path}: refers to a {named}");
                break;
            case "Identifier" when Get("system") == Uri:
                if (!Uuids().IsMatch(Get("value")!)) _faults.Add($"{path}: {Get("value")} is no URI");
                break;
            case "Identifier" when Get("system") == "urn:dicom:uid":
                if (!Oids().IsMatch(Get("value")!)) _faults.Add($"{path}: {Get("value")} is no OID");
                break;
            case "Coding" when Get("system") is { } system:
                bool isKnown = s_codes.TryGetValue((system, Get("code")!), out string? display);
                if (isKnown && display != Get("display")) _faults.Add($"{path}: {Get("code")} is shown as {Get("display")}");
                if (!isKnown && system != Dcm && !(system == Uri && Oids().IsMatch(Get("code")!)) && !system.StartsWith("urn:uuid:", StringComparison.Ordinal)) _faults.Add($"{path}: {system} {Get("code")} is not known");
                break;
            case "Coding":
                if (!element.TryGetProperty("extension", out _)) _faults.Add($"{path}: a code without system");
                break;
            case "Quantity":
                if (Get("code") is not null && Get("system") is null) _faults.Add($"{path}: qty-3");
                break;
            case "Observation":
                if (element.TryGetProperty("valueQuantity", out _) == element.TryGetProperty("valueCodeableConcept", out _)) _faults.Add($"{path}: expected one value");
                break;
        }
    }

    [GeneratedRegex("^[ \\r\\n\\t\\S]+\\z")]
    private static partial Regex Strings();

    [GeneratedRegex("^[^\\s]+(\\s[^\\s]+)*\\z")]
    private static partial Regex Codes();

    [GeneratedRegex("^[A-Za-z0-9\\-\\.]{1,64}\\z")]
    private static partial Regex Ids();

    [GeneratedRegex("^\\S+\\z")]
    private static partial Regex Uris();

    [GeneratedRegex("^([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)-(0[1-9]|1[0-2])-(0[1-9]|[1-2][0-9]|3[0-1])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?(Z|(\\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00))\\z")]
    private static partial Regex Instants();

    [GeneratedRegex("^([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)(-(0[1-9]|1[0-2])(-(0[1-9]|[1-2][0-9]|3[0-1])(T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]+)?(Z|(\\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00)))?)?)?\\z")]
    private static partial Regex DateTimes();

    [GeneratedRegex("^([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)(-(0[1-9]|1[0-2])(-(0[1-9]|[1-2][0-9]|3[0-1]))?)?\\z")]
    private static partial Regex Dates();

    [GeneratedRegex("^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?\\z")]
    private static partial Regex Decimals();

    [GeneratedRegex("^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\\z")]
    private static partial Regex Uuids();

    [GeneratedRegex("^urn:oid:[0-2](\\.(0|[1-9][0-9]*))+\\z")]
    private static partial Regex Oids();
}
