using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Engine;

namespace MeLo.Edge.Tests.Models;

/// <summary>The engine on a WebGPU device gives what the real PyTorch code computes: shared/golden.</summary>
[Collection(nameof(DeviceTests))]
public sealed class DeviceGoldenTests
{
    private const double Tolerance = 1e-3;

    [Fact]
    public void LoraVitAdapters_GiveThePyTorchLogits() => AssertGolden("micro", SharedData.Golden("micro", "base.safetensors"), heads: 4, AdaptableSet.QueryValue, images: null,
        LoraVit("micro", "tb_micro_lora_4_4"), LoraVit("micro", "blood_micro_lora_4_8"), LoraVit("micro", "chest_micro_lora_8_8"));

    [Fact]
    public void HuggingFaceWithAPeftAdapter_GivesThePyTorchLogits() => AssertGolden("hf_micro", SharedData.Golden("hf_micro"), heads: null, AdaptableSet.All, images: null,
        ("peft", PeftFolder.Read(SharedData.Golden("hf_micro", "peft")).Adapter));

    // A software device takes many seconds an image.
    [Fact]
    public void PretrainedTiny_GivesThePyTorchLogits() => AssertGolden("tiny", SharedData.Data("models", "vit_tiny_patch16_224.safetensors"), heads: null, AdaptableSet.QueryValue, images: 1,
        LoraVit("tiny", "blood_tiny_lora_4_4"));

    private static (string Task, LoraAdapter Adapter) LoraVit(string set, string file) =>
        (file[..(file.IndexOf("_lora", StringComparison.Ordinal) + "_lora".Length)], LoraVitFile.Read(SharedData.Golden(set, $"{file}.safetensors"), null, null, null).Adapter);

    private static void AssertGolden(string set, string checkpoint, int? heads, AdaptableSet adapt, int? images, params (string Task, LoraAdapter Adapter)[] tasks)
    {
        DeviceTests.RequireDevice();
        using TemporaryFolder folder = new();
        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = heads, Adapt = adapt });
        using EdgeEngine engine = EdgeEngine.Load(folder["base"], new EdgeEngineOptions { Provider = ExecutionProvider.WebGpu, Strict = true, Threads = 1 });
        using SafetensorsFile expected = SafetensorsFile.Open(SharedData.Golden(set, "expected.safetensors"));
        TensorView pixels = expected["pixel_values"];
        int count = images ?? (int)pixels.Shape[0], size = engine.Base.Architecture.ImageSize;
        float[] batch = pixels.ToSingles()[..(count * 3 * size * size)];
        foreach ((string task, LoraAdapter adapter) in tasks)
        {
            float[] reference = expected[$"logits.{task}"].ToSingles()[..(count * adapter.Head.Classes)];
            Closeness.AssertWithin(Tolerance, reference, engine.Evaluate(adapter, batch, [count, 3, size, size], TestContext.Current.CancellationToken));
        }
    }
}
