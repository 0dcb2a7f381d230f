using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;

namespace MeLo.Edge.Tests;

/// <summary>What the README shows of the SDK is code that compiles.</summary>
public sealed class ReadmeTests
{
    [Fact]
    public void LibraryExample_IsTheCodeBelow()
    {
        string readme = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "README.md"));
        string source = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "tests", "MeLo.Edge.Tests", "ReadmeTests.cs"));
        string shown = Between(readme, "```csharp\n", "```");
        string[] usings = [.. Lines(shown).Where(l => l.StartsWith("using ", StringComparison.Ordinal) && !l.Contains('=', StringComparison.Ordinal))];
        Assert.Equal(["using MeLo.Edge.Bundles;", "using MeLo.Edge.Engine;"], usings);
        Assert.Equal(Lines(Between(source, "// README {\n", "// }")), Lines(shown).Except(usings));
    }

    [Fact]
    public void Links_LeadToFilesThatAreThere()
    {
        string readme = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "README.md"));
        string[] named = [.. readme.Split('`').Where((text, i) => i % 2 == 1 && text.StartsWith("docs/", StringComparison.Ordinal)).Distinct()];
        Assert.NotEmpty(named);
        Assert.All(named, path => Assert.True(Path.Exists(Path.Combine(SharedData.RepositoryRoot, path)), path));
    }

    internal static async Task ExampleAsync()
    {
        // README {
        TrustStore trust = TrustStore.FromDirectory("melo-data/trust");
        using var engine = EdgeEngine.Load("melo-data/base", new EdgeEngineOptions { Provider = ExecutionProvider.Cpu });
        engine.Install(Bundle.Open("tuberculosis.melo", trust));
        engine.Install(Bundle.Open("blood-cell.melo", trust));
        Prediction chest = await engine.PredictAsync("tuberculosis", "cxr-17.png");
        Prediction cells = await engine.PredictAsync("blood-cell", "smear-3.png");   // switches, warm or cold
        Console.WriteLine($"{cells.Label} {cells.Probability:P1}, switch {cells.Timing.Switch.TotalMicroseconds} µs");
        // }
    }

    private static string Between(string text, string start, string end)
    {
        int from = text.IndexOf(start, StringComparison.Ordinal) + start.Length;
        return text[from..text.IndexOf(end, from, StringComparison.Ordinal)];
    }

    private static IEnumerable<string> Lines(string text) => text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0);
}
