using System.Text.Json.Nodes;
using MeLo.Edge.Models;
using MeLo.Edge.Tests;

namespace MeLo.Edge.Training.Tests.Commands;

/// <summary>That something is learnt which was not in the base: phantoms of a task, on the base that the demonstration has, which knows none of its tasks.</summary>
public sealed class LearningTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AdaptersLearnBloodCells_BetterThanAHeadAlone()
    {
        BaseImport.Import(Path.Combine(AppContext.BaseDirectory, "phantom-base.safetensors"), _folder["base"], new BaseImportOptions { Heads = 4 }, cancellation: TestContext.Current.CancellationToken);
        TrainerTool.Done("phantoms", "--task", "blood-cell", "--count", "800", "--size", "96", "--seed", "5", "--out", _folder["cells.npz"]);
        JsonNode report = JsonNode.Parse(TrainerTool.Done(
            "compare", "--base", _folder["base"], "--data", _folder["cells.npz"], "--modes", "lora,head", "--seeds", "1", "--epochs", "5", "--learning-rate", "1e-2", "--out", _folder["out"], "--json"))!;
        double adapters = Accuracy("lora"), head = Accuracy("head");
        Assert.True(adapters > 0.85 && adapters > head + 0.1, $"adapters {adapters:P1}, head {head:P1}");

        double Accuracy(string mode) => report[mode]!["accuracy"]!.GetValue<double>();
    }
}
