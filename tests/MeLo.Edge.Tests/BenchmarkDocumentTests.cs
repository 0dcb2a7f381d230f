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
        (string Benchmark, string[] Fields)[] outputs = [.. Kept(Path.Combine(s_folder, name))];
        Assert.NotEmpty(outputs);
        Assert.All(outputs, output => Assert.All(output.Fields, field => Assert.True(IsDocumented(output.Benchmark, field), $"{name}: {field} is in no table of {output.Benchmark}")));
    }

    [Theory]
    [MemberData(nameof(Benchmarks))]
    public void EveryFieldThatABenchmarkReports_IsDocumented_AndEveryDocumentedOneIsReported(string benchmark)
    {
        string source = Source(benchmark);
        string[] reported = [.. Report().Matches(source).Select(m => m.Groups[1].Value)];
        Assert.All(reported, field => Assert.True(IsDocumented(benchmark, field), $"{field} is in no table of {benchmark}"));
        string[] found = [.. reported, .. Directory.GetFiles(s_folder, "*.json").SelectMany(Kept).Where(k => k.Benchmark == benchmark).SelectMany(k => k.Fields)];
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
    private static string Source(string benchmark)
    {
        string folder = Path.Combine(SharedData.RepositoryRoot, "bench");
        string[] sources = [.. new[] { "*.cs", "*.py" }.SelectMany(files => Directory.GetFiles(folder, files, SearchOption.AllDirectories)).Order(StringComparer.Ordinal).Select(File.ReadAllText)
            .Where(text => text.Contains($"new(\"{benchmark}\", \"", StringComparison.Ordinal) || text.Contains($"Report(\"{benchmark}\", ", StringComparison.Ordinal)
                || text.Contains($"\"benchmark\": \"{benchmark}\"", StringComparison.Ordinal))];
        Assert.NotEmpty(sources);
        return string.Join('\n', sources);
    }

    // A file's own output, and those of other benchmarks that it holds.
    private static IEnumerable<(string Benchmark, string[] Fields)> Kept(string path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. Outputs(document.RootElement)];

        static IEnumerable<(string, string[])> Outputs(JsonElement element)
        {
            if (element.ValueKind != JsonValueKind.Object) return [];
            IEnumerable<(string, string[])> within = element.EnumerateObject().SelectMany(p => Outputs(p.Value));
            return element.TryGetProperty("benchmark", out JsonElement name) ? within.Prepend((name.GetString()!, Fields(element))) : within;
        }

        static string[] Fields(JsonElement output)
        {
            IEnumerable<JsonProperty> inRows = output.TryGetProperty("rows", out JsonElement rows) ? rows.EnumerateArray().SelectMany(row => row.EnumerateObject()) : [];
            return [.. output.EnumerateObject().Concat(inRows).Select(p => p.Name).Distinct()];
        }
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
