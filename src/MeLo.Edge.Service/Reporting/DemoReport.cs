using System.Globalization;
using MeLo.Edge.Service.Demo;
using Spectre.Console;

namespace MeLo.Edge.Service.Reporting;

/// <summary>
/// The tables that end a demonstration: what was drawn beside what was answered. File names are shown here and nowhere else: the demonstration made the files itself.
/// </summary>
internal static class DemoReport
{
    public static void Print(IAnsiConsole console, FolderReport report, DemoTruth truth)
    {
        IReadOnlyList<ReportedResult> results = report.Results();
        ReportedResult[] known = [.. results.Where(r => truth.Of(r.Task, r.Sha256) is not null)];
        string right = $"{known.Count(r => truth.Of(r.Task, r.Sha256) == r.Label)} of {known.Length}";
        Print(console, $"Results (label as drawn: {right})", ["task", "input", "drawn as", "label", "probability", "switch", "switch ms", "inference ms"], results.Select(r => new[]
        {
            r.Task, r.Input, truth.Of(r.Task, r.Sha256) ?? "", r.Label, Number(r.Probability, "P1"), r.SwitchKind, Number(r.SwitchMilliseconds, "F3"), Number(r.InferenceMilliseconds, "F2"),
        }));
        Print(console, "Refused bundles", ["bundle", "reason", "in words"], report.RefusedBundles().Select(r => new[] { r.Name, r.Code, r.Message }));
        Print(console, "Quarantined files", ["task", "file", "reason", "in words"], report.Quarantined().Select(r => new[] { r.Where, r.Name, r.Code, r.Message }));
        // Most images follow one of their own task: their weights are cached, and nothing had to change.
        Print(console, "Switch times (warm: the weights were cached, also for an image of the same task)", ["kind", "count", "median ms", "largest ms"], results.GroupBy(r => r.SwitchKind).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g =>
        {
            double[] times = [.. g.Select(r => r.SwitchMilliseconds).Order()];
            return new[] { g.Key, times.Length.ToString(CultureInfo.InvariantCulture), Number(times[times.Length / 2], "F3"), Number(times[^1], "F3") };
        }));
        console.WriteLine(DemoFolder.Notice);
    }

    private static void Print(IAnsiConsole console, string title, string[] columns, IEnumerable<string[]> rows)
    {
        Table table = new() { Title = new TableTitle(title), Border = console.Profile.Capabilities.Unicode ? TableBorder.Rounded : TableBorder.Ascii };
        foreach (string column in columns) table.AddColumn(new TableColumn(Markup.Escape(column)));
        foreach (string[] row in rows) table.AddRow(row.Select(cell => new Text(cell)));
        console.Write(table);
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
