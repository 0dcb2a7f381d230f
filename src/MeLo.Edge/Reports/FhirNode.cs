using System.Text.Json.Nodes;

namespace MeLo.Edge.Reports;

/// <summary>Parts that FHIR's JSON is made of (R4, "JSON representation"): no member is null, no array and no text is empty.</summary>
internal static class FhirNode
{
    /// <summary>The system of identifiers and codes that are URIs.</summary>
    public const string UriSystem = "urn:ietf:rfc:3986";

    /// <summary>An object of the members that have a value; null where none has.</summary>
    public static JsonObject? Object(params ReadOnlySpan<(string Name, JsonNode? Value)> members)
    {
        JsonObject node = [];
        foreach ((string name, JsonNode? value) in members)
            if (value is not null) node.Add(name, value);
        return node.Count > 0 ? node : null;
    }

    /// <summary>An array of the items that there are; null where there are none.</summary>
    public static JsonArray? List(params ReadOnlySpan<JsonNode?> items)
    {
        JsonArray list = [];
        foreach (JsonNode? item in items)
            if (item is not null) list.Add(item);
        return list.Count > 0 ? list : null;
    }

    /// <summary>A text (R4, "string"): without control characters and space around it; null where nothing is left.</summary>
    public static JsonNode? Text(string? text)
    {
        if (text is null) return null;
        string clean = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return clean.Length > 0 ? JsonValue.Create(clean) : null;
    }

    /// <summary>A Coding.</summary>
    public static JsonObject? Coding(string system, string code, string? display = null) => Object(("system", system), ("code", code), ("display", Text(display)));

    /// <summary>A CodeableConcept.</summary>
    public static JsonObject? Concept(string? text, params ReadOnlySpan<JsonNode?> codings) => Object(("coding", List(codings)), ("text", Text(text)));

    /// <summary>An Identifier; null without a value.</summary>
    public static JsonObject? Identifier(string? system, string? value, JsonNode? type = null) =>
        Text(value) is { } text ? Object(("type", type), ("system", system), ("value", text)) : null;

    /// <summary>A Reference to a resource of the same bundle.</summary>
    public static JsonObject? Reference(string? urn, string? display = null) => Object(("reference", urn), ("display", Text(display)));
}
