using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Data;
using MeLo.Edge.Training.Metrics;

namespace AdapterTrainer;

/// <summary>What a comparison came to, as a table and as JSON.</summary>
/// <param name="Package">The base.</param>
/// <param name="Dataset">The samples.</param>
/// <param name="Provider">Where it ran.</param>
/// <param name="Shared">What else the modes must share to be compared: names and values.</param>
/// <param name="Settings">How each mode was trained.</param>
/// <param name="Choices">The choice of each mode's learning rate; empty where it was not chosen.</param>
/// <param name="Runs">Every training.</param>
internal sealed record ComparisonReport(
    BasePackage Package, Dataset Dataset, ProviderChoice Provider, IReadOnlyList<(string Name, string? Value)> Shared, IReadOnlyDictionary<TrainingMode, TrainingSettings> Settings,
    IReadOnlyDictionary<TrainingMode, RateChoice> Choices, IReadOnlyList<ComparedRun> Runs)
{
    private static readonly string[] s_modes = [.. Enum.GetNames<TrainingMode>().Select(name => name.ToLowerInvariant())];

    /// <summary>Prints the table.</summary>
    public void Print(TextWriter output)
    {
        output.WriteLine($"{Package.Architecture.Name} on {Dataset.Description}");
        output.WriteLine($"{"",-6}{"AUC",-18}{"95 % of it",-14}{"accuracy",-18}{"parameters",-22}{"storage",-12}{"time",-10}{"memory",-10}");
        foreach (TrainingMode mode in Runs.Select(r => r.Mode).Distinct())
        {
            ComparedRun[] of = [.. Runs.Where(r => r.Mode == mode)];
            string parameters = string.Create(CultureInfo.InvariantCulture, $"{of[0].Parameters:N0} ({Share(of[0]):P2})");
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{mode.ToString().ToLowerInvariant(),-6}{MeanAndDeviation(of, r => r.Auc),-18}{AucInterval(of),-14}{MeanAndDeviation(of, r => r.Accuracy),-18}{parameters,-22}{Size(of[0].StorageBytes),-12}{Time(of.Average(r => r.Seconds)),-10}{of.Max(r => r.PeakBytes) / 1e9,-10:0.0' GB'}").TrimEnd());
        }
        foreach ((TrainingMode mode, RateChoice choice) in Choices) output.WriteLine($"learning rate of {mode.ToString().ToLowerInvariant()}: {choice}");
    }

    /// <summary>Writes it, with what the file has of other modes where all that modes share is the same: a comparison may be made in several goes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="error">Is told of what it had and cannot keep.</param>
    /// <returns>What was written.</returns>
    public JsonObject Write(string path, TextWriter error)
    {
        JsonObject report = ToJson();
        if (File.Exists(path) && Parsed(path) is { } earlier)
        {
            string[] others = [.. s_modes.Where(mode => !report.ContainsKey(mode) && earlier[mode] is not null)];
            string[] differences = [.. report.Where(member => !s_modes.Contains(member.Key) && !JsonNode.DeepEquals(member.Value, earlier[member.Key])).Select(member => member.Key)];
            if (differences.Length == 0)
                foreach (string mode in others) report[mode] = earlier[mode]!.DeepClone();
            else if (others.Length > 0)
                error.WriteLine($"warning: {path} had {string.Join(" and ", others)} of another comparison ({string.Join(", ", differences)}), which cannot stand beside this one: it has them no more; their trainings stay");
        }
        OutputFile.Write(path, FileKind.Json, stream => stream.Write(Encoding.UTF8.GetBytes(report.ToJsonString(JsonReport.Options) + "\n")));
        return report;
    }

    private JsonObject ToJson()
    {
        JsonObject report = new()
        {
            ["dataset"] = Dataset.Description,
            ["datasetDigest"] = Dataset.Digest,
            ["base"] = Package.Digest,
            ["architecture"] = Package.Architecture.Name,
            ["provider"] = Provider.Provider.Name,
            ["processors"] = Environment.ProcessorCount,
        };
        foreach ((string name, string? value) in Shared) report[name] = value;
        foreach ((TrainingMode mode, TrainingSettings how) in Settings)
        {
            ComparedRun[] of = [.. Runs.Where(r => r.Mode == mode)];
            report[mode.ToString().ToLowerInvariant()] = new JsonObject
            {
                ["settings"] = new JsonObject(how.Describe().Where(s => s.Name != "seed").Select(s => KeyValuePair.Create(s.Name, (JsonNode?)s.Value))),
                ["learningRate"] = Choices.GetValueOrDefault(mode)?.ToJson(),
                ["auc"] = Figure(of.Average(r => r.Auc)),
                ["aucDeviation"] = Figure(Deviation(of, r => r.Auc)),
                ["aucLow95"] = Figure(AucInterval(of).Low),
                ["aucHigh95"] = Figure(AucInterval(of).High),
                ["accuracy"] = Figure(of.Average(r => r.Accuracy)),
                ["accuracyDeviation"] = Figure(Deviation(of, r => r.Accuracy)),
                ["parameters"] = of[0].Parameters,
                ["parameterShare"] = Share(of[0]),
                ["storageBytes"] = of[0].StorageBytes,
                ["seconds"] = of.Average(r => r.Seconds),
                ["peakBytes"] = of.Max(r => r.PeakBytes),
                ["runs"] = new JsonArray([.. of.Select(r => r.ToJson())]),
            };
        }
        return report;
    }

    private static JsonObject? Parsed(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Size(long bytes) => bytes < 1_000_000 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0.0} kB") : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB");

    private static string Time(double seconds) => seconds < 10 ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s") : string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s");

    // What the test samples do not define is null.
    private static double? Figure(double value) => double.IsFinite(value) ? value : null;

    private double Share(ComparedRun run) => (double)run.Parameters / (Package.Architecture.ParameterCount + run.HeadParameters);

    // The deviation says what another seed gives, the interval what other test samples may.
    private static Interval AucInterval(ComparedRun[] runs) => Interval.OfMean(runs.Select(r => new Interval(r.AucLow95, r.AucHigh95)));

    private static string MeanAndDeviation(ComparedRun[] runs, Func<ComparedRun, double> value) =>
        string.Create(CultureInfo.InvariantCulture, $"{runs.Average(value):F4} ± {Deviation(runs, value):F4}");

    // Of the sample; 0 for a single one.
    private static double Deviation(ComparedRun[] runs, Func<ComparedRun, double> value)
    {
        double mean = runs.Average(value);
        return runs.Length == 1 ? 0 : Math.Sqrt(runs.Sum(r => Math.Pow(value(r) - mean, 2)) / (runs.Length - 1));
    }
}
