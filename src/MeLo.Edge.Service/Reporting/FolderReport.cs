using System.Text.Json;
using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Service.Reporting;

/// <summary>A result as it lies in the outbox.</summary>
internal sealed record ReportedResult(string Task, string Input, string Sha256, string Label, double Probability, string SwitchKind, double SwitchMilliseconds, double InferenceMilliseconds);

/// <summary>A refused file as its reason tells it.</summary>
internal sealed record ReportedRefusal(string Where, string Name, string Code, string Message);

/// <summary>What lies in the data folder, read from the files that users read: the demonstration shows nothing else.</summary>
internal sealed class FolderReport(DataFolder folder)
{
    public IReadOnlyList<ReportedResult> Results() =>
        [.. Read(folder.Outbox, "*.json", SearchOption.AllDirectories, FileNames.IsResult).Select(Result).OrderBy(r => r.Task, StringComparer.Ordinal).ThenBy(r => r.Input, StringComparer.Ordinal)];

    public IReadOnlyList<ReportedRefusal> RefusedBundles() =>
        [.. Read(folder.Rejected, "*.reason.json", SearchOption.TopDirectoryOnly).Select(j => Refusal(j, "bundle", "bundles")).OrderBy(r => r.Name, StringComparer.Ordinal)];

    public IReadOnlyList<ReportedRefusal> Quarantined() =>
        [.. Read(folder.Quarantine, "*.reason.json", SearchOption.AllDirectories)
            .Select(j => Refusal(j, "input", j.GetProperty("task").GetString()!)).OrderBy(r => r.Name, StringComparer.Ordinal)];

    private static ReportedResult Result(JsonElement json)
    {
        JsonElement input = json.GetProperty("input"), prediction = json.GetProperty("prediction"), timing = json.GetProperty("timing");
        return new ReportedResult(
            json.GetProperty("task").GetString()!,
            input.GetProperty("name").GetString() ?? "",
            input.GetProperty("sha256").GetString()!,
            prediction.GetProperty("label").GetString()!,
            prediction.GetProperty("probability").GetDouble(),
            timing.GetProperty("switchKind").GetString()!,
            timing.GetProperty("switchMs").GetDouble(),
            timing.GetProperty("inferenceMs").GetDouble());
    }

    private static ReportedRefusal Refusal(JsonElement json, string what, string where)
    {
        JsonElement reason = json.GetProperty("reason");
        return new ReportedRefusal(where, json.GetProperty(what).GetProperty("name").GetString() ?? "", reason.GetProperty("code").GetString()!, reason.GetProperty("message").GetString()!);
    }

    private static IEnumerable<JsonElement> Read(string path, string pattern, SearchOption depth, Func<string, bool>? isWanted = null)
    {
        if (!Directory.Exists(path)) yield break;
        foreach (string file in Directory.EnumerateFiles(path, pattern, depth).Where(f => !Path.GetFileName(f).StartsWith('.') && isWanted?.Invoke(f) != false))
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            yield return document.RootElement.Clone();
        }
    }
}
