using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;

namespace AdapterTrainer;

/// <summary>What one training of a comparison came to.</summary>
internal sealed record ComparedRun(
    TrainingMode Mode, ulong Seed, double Auc, double Accuracy, double F1, double Ece, double EceBeforeTemperature, double ValidationAuc, long Parameters, long HeadParameters, long StorageBytes, int Epochs, int BestEpoch,
    double Seconds, long PeakBytes)
{
    // An AUC that the test samples do not define is "NaN".
    private static readonly JsonSerializerOptions s_json = new(JsonReport.Options) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) } };

    private const string ResultFile = "result.json", StateFile = "state.safetensors";

    /// <summary>Trains, or reads what an earlier training of the very same came to.</summary>
    public static ComparedRun Of(TrainingTask task, string folder, TextWriter error, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, ResultFile), state = Path.Combine(folder, StateFile);
        string advice = $"to train it anew, delete {folder}, or take another --out";
        TrainingIdentity identity = TrainingRun.Identity(task);
        if (File.Exists(path))
        {
            Kept kept = Read(path);
            string differences = identity.Differences(TrainingIdentity.Parse(kept.Identity));
            if (differences.Length > 0) throw RefusedException.File(path, $"found the result of another training, expected one of this: {differences}; {advice}");
            return kept.Run;
        }
        TrainingRun run = TrainingRun.Of(task, state, advice, error, cancellation);
        ComparedRun compared = new(
            task.Settings.Mode, task.Settings.Seed, run.Result.Test.Auc, run.Result.Test.Accuracy, run.Result.Test.F1, run.Result.Calibrated.Ece, run.Result.Test.Ece, run.Result.Validation.Auc,
            run.ParameterCount, run.HeadParameterCount, run.ParameterCount * sizeof(float), run.History.Epochs.Count, run.History.Best!.Epoch, run.Seconds, run.PeakBytes);
        OutputFile.Write(path, FileKind.Json, stream => JsonSerializer.Serialize(stream, new Kept(identity.ToJson(), compared), s_json));
        File.Delete(state);
        return compared;
    }

    /// <summary>The run as a report has it.</summary>
    public JsonNode ToJson() => JsonSerializer.SerializeToNode(this, s_json)!;

    private static Kept Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<Kept>(File.ReadAllBytes(path), s_json) ?? throw RefusedException.File(path, "found null, expected a result");
        }
        catch (JsonException e)
        {
            throw RefusedException.File(path, $"found no result of a training ({e.Message}), expected one, or no such file");
        }
    }

    private sealed record Kept(string Identity, ComparedRun Run);
}
