using System.Text.Json;
using System.Text.Json.Nodes;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;

namespace AdapterTrainer;

/// <summary>What one training of a comparison came to.</summary>
internal sealed record ComparedRun(
    TrainingMode Mode, ulong Seed, double Auc, double Accuracy, double F1, double Ece, double EceBeforeTemperature, double ValidationAuc, long Parameters, long HeadParameters, long StorageBytes, int Epochs, int BestEpoch,
    double Seconds, long PeakBytes)
{
    private const string ResultFile = "result.json", StateFile = "state.safetensors";

    /// <summary>Trains, or reads what an earlier training of the very same came to.</summary>
    public static ComparedRun Of(TrainingTask task, string folder, TextWriter error, CancellationToken cancellation)
    {
        string path = Path.Combine(folder, ResultFile), state = Path.Combine(folder, StateFile);
        string identity = string.Join("; ", TrainingRun.Identity(task).Select(line => $"{line.Name}: {line.Value}"));
        if (File.Exists(path))
        {
            Kept kept = JsonSerializer.Deserialize<Kept>(File.ReadAllBytes(path)) ?? throw RefusedException.File(path, "found null, expected a result");
            if (kept.Identity != identity) throw RefusedException.File(path, $"found the result of another training ({kept.Identity}), expected one of this ({identity}) or none");
            return kept.Run;
        }
        TrainingRun run = TrainingRun.Of(task, state, error, cancellation);
        ComparedRun compared = new(
            task.Settings.Mode, task.Settings.Seed, run.Result.Test.Auc, run.Result.Test.Accuracy, run.Result.Test.F1, run.Result.Calibrated.Ece, run.Result.Test.Ece, run.Result.Validation.Auc,
            run.ParameterCount, task.Dataset.Labels.Count * (task.Architecture.Dim + 1L), run.ParameterCount * sizeof(float), run.History.Epochs.Count, run.History.Best!.Epoch, run.Seconds, run.PeakBytes);
        OutputFile.Write(path, FileKind.Json, stream => JsonSerializer.Serialize(stream, new Kept(identity, compared)));
        File.Delete(state);
        return compared;
    }

    /// <summary>The run as a report has it.</summary>
    public JsonNode ToJson() => JsonSerializer.SerializeToNode(this, JsonReport.Options)!;

    private sealed record Kept(string Identity, ComparedRun Run);
}
