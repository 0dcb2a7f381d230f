using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>Mixed batches give what the real PyTorch code gives for each image and task: shared/golden.</summary>
public sealed class MixedGoldenTests
{
    [Theory]
    [InlineData(AdaptableSet.QueryValue)]
    [InlineData(AdaptableSet.All)]
    public void Micro_EveryImageForEveryTaskInOneBatch_GivesThePyTorchLogits(AdaptableSet adapt) => AssertGolden(
        "micro", SharedData.Golden("micro", "base.safetensors"), heads: 4, adapt,
        [LoraVit("micro", "tb_micro_lora_4_4"), LoraVit("micro", "blood_micro_lora_4_8"), LoraVit("micro", "chest_micro_lora_8_8")]);

    [Fact]
    public void Tiny_EveryImageForEveryTaskInOneBatch_GivesThePyTorchLogits() => AssertGolden(
        "tiny", SharedData.Data("models", "vit_tiny_patch16_224.safetensors"), heads: null, AdaptableSet.QueryValue,
        [LoraVit("tiny", "tb_tiny_lora_4_4"), LoraVit("tiny", "blood_tiny_lora_4_4")]);

    [Theory]
    [InlineData(AdaptableSet.QueryValue)]
    [InlineData(AdaptableSet.All)]
    public void HuggingFaceWithAPeftAdapter_GivesThePyTorchLogits(AdaptableSet adapt) => AssertGolden(
        "hf_micro", SharedData.Golden("hf_micro"), heads: null, adapt, [("peft", PeftFolder.Read(SharedData.Golden("hf_micro", "peft")).Adapter)]);

    private static (string Task, LoraAdapter Adapter) LoraVit(string set, string file) =>
        (file[..(file.IndexOf("_lora", StringComparison.Ordinal) + "_lora".Length)], LoraVitFile.Read(SharedData.Golden(set, $"{file}.safetensors"), null, null, null).Adapter);

    private static void AssertGolden(string set, string checkpoint, int? heads, AdaptableSet adapt, (string Task, LoraAdapter Adapter)[] tasks)
    {
        using TemporaryFolder folder = new();
        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = heads, Adapt = adapt });
        using BasePackage package = BasePackage.Open(folder["base"]);
        using MixedRun run = new(package);
        using SafetensorsFile expected = SafetensorsFile.Open(SharedData.Golden(set, "expected.safetensors"));
        int count = (int)expected["pixel_values"].Shape[0];
        float[][] images = MixedGraphTests.Images(expected["pixel_values"].ToSingles(), count);
        // Image by image, each for one task after the other.
        (int Image, int Task)[] batch = [.. from image in Enumerable.Range(0, count) from task in Enumerable.Range(0, tasks.Length) select (image, task)];
        float[][] logits = run.Logits([.. batch.SelectMany(b => images[b.Image])], [.. tasks.Select(t => t.Adapter)], [.. batch.Select(b => b.Task)]);
        for (int t = 0; t < tasks.Length; t++)
            Closeness.AssertWithin(
                Closeness.Tolerance, expected[$"logits.{tasks[t].Task}"].ToSingles(), logits.Where((_, i) => batch[i].Task == t).SelectMany(l => l).ToArray());
    }
}
