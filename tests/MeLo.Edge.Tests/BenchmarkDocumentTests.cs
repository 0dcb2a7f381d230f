using System.Text.Json;
using System.Text.RegularExpressions;

namespace MeLo.Edge.Tests;

/// <summary>The tables of fields in docs/benchmarks/README.md name what the benchmarks report: no field is missing, none is left over.</summary>
public sealed partial class BenchmarkDocumentTests
{
    private const string EveryOutput = "";
    private static readonly string s_folder = Path.Combine(SharedData.RepositoryRoot, "docs", "benchmarks");
    private static readonly Dictionary<string, Tables> s_documented = Documented();

    public static TheoryData<string> KeptFiles => [.. Directory.GetFiles(s_folder, "*.json").Select(path => Path.GetFileName(path))];

    public static TheoryData<string> Benchmarks => [.. s_documented.Keys.Where(name => name != EveryOutput)];

    [Theory]
    [MemberData(nameof(KeptFiles))]
    public void EveryFieldOfAKeptFile_IsDocumented(string name)
    {
        (string benchmark, string[] fields) = Kept(Path.Combine(s_folder, name));
        Assert.All(fields, field => Assert.True(IsDocumented(benchmark, field), $"{name}: {field} is in no table of its benchmark"));
    }

    [Theory]
    [MemberData(nameof(Benchmarks))]
    public void EveryFieldThatABenchmarkReports_IsDocumented_AndEveryDocumentedOneIsReported(string benchmark)
    {
        string source = Source(benchmark);
        string[] reported = [.. Report().Matches(source).Select(m => m.Groups[1].Value)];
        Assert.All(reported, field => Assert.True(IsDocumented(benchmark, field), $"{field} is in no table of {benchmark}"));
        string[] found = [.. reported, .. Directory.GetFiles(s_folder, "*.json").Select(Kept).Where(k => k.Benchmark == benchmark).SelectMany(k => k.Fields)];
        Assert.NotEmpty(found);
        Tables tables = s_documented[benchmark];
        string[] names = [.. tables.Fields, .. tables.Sides.Select(side => $"{side}_*"), .. tables.Stages.Select(stage => $"*_{stage}")];
        Assert.All(names, name => Assert.True(
            found.Any(field => Pattern(name).IsMatch(field)) || source.Contains($"\"{name.Replace("*", "", StringComparison.Ordinal).Trim('_')}\"", StringComparison.Ordinal),
            $"{name} is in a table of {benchmark}, but neither reported nor kept"));
    }

    private static bool IsDocumented(string benchmark, string field) =>
        s_documented.TryGetValue(benchmark, out Tables? tables) && tables.Names.Concat(s_documented[EveryOutput].Names).Any(name => Pattern(name).IsMatch(field));

    private static Regex Pattern(string name) => new($"^{Placeholder().Replace(name, "[a-z0-9_]+")}$");

    // What stands before the first benchmark is in the output of every one.
    private static Dictionary<string, Tables> Documented()
    {
        Dictionary<string, Tables> documented = [];
        foreach (string section in ("## ``\n" + File.ReadAllText(Path.Combine(s_folder, "README.md"))).Split("\n## "))
        {
            if (Section().Match(section) is not { Success: true } heading) continue;
            Tables tables = new([], [], []);
            List<string>? column = null;
            foreach (string line in section.Split('\n'))
            {
                string first = line.StartsWith('|') ? line.Split('|')[1].Trim() : "";
                if (first.Length == 0) column = null;
                else if (column is null) column = first switch { "field" => tables.Fields, "side" => tables.Sides, "stage" => tables.Stages, _ => [] };
                else column.AddRange(Name().Matches(first).Select(m => m.Groups[1].Value));
            }
            if (tables.Names.Any()) documented.Add(heading.Groups[1].Value, tables);
        }
        return documented;
    }

    // Names that a benchmark puts together from parts are seen in the kept files alone.
    private static string Source(string benchmark) =>
        Directory.GetFiles(Path.Combine(SharedData.RepositoryRoot, "bench", "MeLo.Edge.Benchmarks"), "*Benchmark.cs").Select(File.ReadAllText)
            .Single(text => text.Contains($"new(\"{benchmark}\", \"", StringComparison.Ordinal));

    private static (string Benchmark, string[] Fields) Kept(string path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        JsonElement root = document.RootElement;
        IEnumerable<JsonProperty> inRows = root.TryGetProperty("rows", out JsonElement rows) ? rows.EnumerateArray().SelectMany(row => row.EnumerateObject()) : [];
        return (root.GetProperty("benchmark").GetString()!, [.. root.EnumerateObject().Concat(inRows).Select(p => p.Name).Distinct()]);
    }

    [GeneratedRegex("^(?:## )?`([a-z-]*)`")]
    private static partial Regex Section();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Name();

    [GeneratedRegex(@"\*|<[a-z]+>")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"\.Add\(""([a-z0-9_]+)"", .*, """)]
    private static partial Regex Report();

    /// <summary>What the tables of a section name; a side's name is followed by a stage's.</summary>
    private sealed record Tables(List<string> Fields, List<string> Sides, List<string> Stages)
    {
        public IEnumerable<string> Names => Fields.Concat(Sides.SelectMany(side => Stages.Select(stage => $"{side}_{stage}")));
    }
}
