using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MeLo.Edge.Tools;

/// <summary>The one JSON object that <c>--json</c> prints.</summary>
internal static class JsonReport
{
    /// <summary>For programs and people, not for HTML: "&lt;", "+" and letters of any language stay as they are. Members have names as JSON has them.</summary>
    public static JsonSerializerOptions Options { get; } = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Print(TextWriter output, JsonObject report) => output.WriteLine(report.ToJsonString(Options));
}
