using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>The graph computes what the real PyTorch code computes: shared/golden, made with timm, LoRA-ViT and transformers.</summary>
public sealed class GoldenModelTests
{
    [Theory]
    [InlineData("micro", "base.safetensors", 4)]
    [InlineData("tiny", null, null)]
    [InlineData("hf_micro", "", null)]
    public void GoldenCheckpoint_GivesThePyTorchFeatures(string set, string? checkpoint, int? heads)
    {
        string path = checkpoint is null ? SharedData.Data("models", "vit_tiny_patch16_224.safetensors") : SharedData.Golden(set, checkpoint);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(path, folder["base"], new BaseImportOptions { Heads = heads });
        using BaseRun run = new(package);
        using SafetensorsFile expected = SafetensorsFile.Open(SharedData.Golden(set, "expected.safetensors"));
        Closeness.AssertWithin(Closeness.Tolerance, expected["features.base"].ToSingles(), run.Features(expected["pixel_values"].ToSingles()));
    }

    [Theory]
    [InlineData("micro", "tb_micro_lora_4_4")]
    [InlineData("micro", "blood_micro_lora_4_8")]
    [InlineData("micro", "chest_micro_lora_8_8")]
    [InlineData("tiny", "tb_tiny_lora_4_4")]
    [InlineData("tiny", "blood_tiny_lora_4_4")]
    public void GoldenAdapter_MergedPlainly_GivesThePyTorchLogits(string set, string adapter)
    {
        bool tiny = set == "tiny";
        string path = tiny ? SharedData.Data("models", "vit_tiny_patch16_224.safetensors") : SharedData.Golden(set, "base.safetensors");
        using TemporaryFolder folder = new();
        using BasePackage package = Import(path, folder["base"], new BaseImportOptions { Heads = tiny ? null : 4 });
        using BaseRun run = new(package);
        LoraAdapter lora = LoraVitFile.Read(SharedData.Golden(set, $"{adapter}.safetensors"), null, null, null).Adapter;
        using SafetensorsFile expected = SafetensorsFile.Open(SharedData.Golden(set, "expected.safetensors"));
        string task = adapter[..adapter.IndexOf("_lora", StringComparison.Ordinal)] + "_lora";
        Closeness.AssertWithin(Closeness.Tolerance, expected[$"logits.{task}"].ToSingles(), run.Logits(expected["pixel_values"].ToSingles(), lora));
    }

    [Fact]
    public void TinyCheckpoint_WithItsOwnHead_GivesItsImageNetLogits()
    {
        string path = SharedData.Data("models", "vit_tiny_patch16_224.safetensors");
        using TemporaryFolder folder = new();
        using BasePackage package = Import(path, folder["base"]);
        using BaseRun run = new(package);
        using SafetensorsFile checkpoint = SafetensorsFile.Open(path);
        using SafetensorsFile expected = SafetensorsFile.Open(SharedData.Golden("tiny", "imagenet.safetensors"));
        float[] logits = run.Logits(
            expected["pixel_values"].ToSingles(), BaseRun.Transposed(checkpoint["head.weight"].ToSingles(), 1000), checkpoint["head.bias"].ToSingles());
        Closeness.AssertWithin(Closeness.Tolerance, expected["logits"].ToSingles(), logits);
    }

    [Fact]
    public void AnotherImageSize_ResamplesThePositionsAsTimmDoes()
    {
        using TemporaryFolder folder = new();
        using BasePackage package = Import(SharedData.Data("models", "vit_tiny_patch16_224.safetensors"), folder["base"], new BaseImportOptions { ImageSize = 288 });
        Assert.Equal("vit_tiny_patch16_288", package.Architecture.Name);
        using SafetensorsFile expected = SafetensorsFile.Open(SharedData.Golden("tiny", "resampled_288.safetensors"));
        Closeness.AssertWithin(1e-5, expected["pos_embed"].ToSingles(), package.Weights["position_embedding"].ToSingles());
        using BaseRun run = new(package);
        Closeness.AssertWithin(Closeness.Tolerance, expected["features.base"].ToSingles(), run.Features(expected["pixel_values"].ToSingles()));
    }

    private static BasePackage Import(string checkpoint, string folder, BaseImportOptions? options = null)
    {
        Importing.Import(checkpoint, folder, options);
        return BasePackage.Open(folder);
    }
}
