using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MeLo.Edge.Tools;

/// <summary>The one JSON object that <c>--json</c> prints.</summary>
internal static class JsonReport
{
    // For programs and people, not for HTML: "<", "+" and letters of any language stay as they are.
    private static readonly JsonSerializerOptions s_options = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Print(TextWriter output, JsonObject report) => output.WriteLine(report.ToJsonString(s_options));
}
