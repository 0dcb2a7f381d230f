using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;

namespace AdapterTrainer;

/// <summary>What one training of a comparison came to.</summary>
internal sealed record ComparedRun(
    TrainingMode Mode, ulong Seed, double Auc, double AucLow95, double AucHigh95, double Accuracy, double F1, double Ece, double EceBeforeTemperature, double ValidationAuc, long Parameters, long HeadParameters, long StorageBytes, int Epochs, int BestEpoch,
    double Seconds, long PeakBytes)
{
    // An AUC that the test samples do not define is "NaN".
    private static readonly JsonSerializerOptions s_json = new(JsonReport.Options)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, RespectRequiredConstructorParameters = true, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private const string ResultFile = "result.json";

    /// <summary>Refuses a training that could not be done or kept: settings that do not fit, and a result or a state of another one.</summary>
    public static void Check(TrainingTask task, string folder)
    {
        Trainer.Check(task);
        if (Kept(task, folder) is null) new TrainingStateFile(TrainingFolder.StateIn(folder), TrainingRun.Identity(task), Advice(folder)).Check();
    }

    /// <summary>Trains, or reads what an earlier training of the very same came to.</summary>
    public static ComparedRun Of(TrainingTask task, string folder, TextWriter error, CancellationToken cancellation)
    {
        if (Kept(task, folder) is { } kept) return kept;
        using TrainingFolder state = TrainingFolder.Take(folder);
        TrainingRun run = TrainingRun.Of(task, state, Advice(folder), error, cancellation);
        MeLo.Edge.Training.Metrics.Evaluation test = run.Result.Calibrated;
        ComparedRun compared = new(
            task.Settings.Mode, task.Settings.Seed, test.Auc, test.AucInterval.Low, test.AucInterval.High, test.Accuracy, test.F1, test.Ece, run.Result.Test.Ece, run.Result.Validation.Auc,
            run.ParameterCount, run.HeadParameterCount, run.ParameterCount * sizeof(float), run.History.Epochs.Count, run.History.Best!.Epoch, run.Seconds, run.PeakBytes);
        OutputFile.Write(Path.Combine(folder, ResultFile), FileKind.Json, stream => JsonSerializer.Serialize(stream, new KeptRun(TrainingRun.Identity(task).ToJson(), compared), s_json));
        File.Delete(state.State);
        return compared;
    }

    /// <summary>The run as a report has it: figures that are not defined are null.</summary>
    public JsonObject ToJson()
    {
        JsonObject json = JsonSerializer.SerializeToNode(this, s_json)!.AsObject();
        foreach (string name in json.Where(m => m.Value is JsonValue value && value.TryGetValue(out string? text) && text == nameof(double.NaN)).Select(m => m.Key).ToArray()) json[name] = null;
        return json;
    }

    private static ComparedRun? Kept(TrainingTask task, string folder)
    {
        string path = Path.Combine(folder, ResultFile);
        if (!File.Exists(path)) return null;
        string differences;
        KeptRun? kept;
        try
        {
            kept = JsonSerializer.Deserialize<KeptRun>(File.ReadAllBytes(path), s_json);
            if (kept is not { Identity: not null, Run: not null }) throw new JsonException("it has no identity or no run");
            differences = TrainingRun.Identity(task).Differences(TrainingIdentity.Parse(kept.Identity));
        }
        catch (JsonException e)
        {
            throw RefusedException.File(path, $"found no result of a training ({e.Message}), expected one, or no such file; {Advice(folder)}");
        }
        return differences.Length == 0 ? kept.Run : throw RefusedException.File(path, $"found the result of another training, expected one of this: {differences}; {Advice(folder)}");
    }

    private static string Advice(string folder) => $"to train it anew, delete {folder}, or take another --out";

    private sealed record KeptRun(string Identity, ComparedRun Run);
}
