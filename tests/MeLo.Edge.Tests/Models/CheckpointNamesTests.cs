using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>One model in every library's names and every element type is one base: the same digest, the same features.</summary>
public sealed class CheckpointNamesTests
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 8, PatchSize = 4, Dim = 12, Depth = 2, Heads = 3, MlpDim = 20 };

    [Theory]
    [InlineData("timm", ElementType.F32, "")]
    [InlineData("timm", ElementType.F16, "")]
    [InlineData("timm", ElementType.BF16, "")]
    [InlineData("timm", ElementType.F32, "module.")]
    [InlineData("timm", ElementType.F32, "module.model.")]
    [InlineData("huggingface", ElementType.F32, "vit.")]
    [InlineData("huggingface", ElementType.F32, "")]
    [InlineData("huggingface", ElementType.BF16, "vit.")]
    [InlineData("lora-vit", ElementType.F32, "")]
    [InlineData("lora-vit", ElementType.F16, "model.")]
    public void SameWeights_WhateverTheirNamesAndTypes_AreTheSameBase(string scheme, ElementType type, string prefix)
    {
        RandomVit vit = new(s_vit);
        using TemporaryFolder folder = new();
        using BasePackage reference = ImportTimm(vit, folder["reference"]);
        string checkpoint = folder["checkpoint", "model.safetensors"];
        Dictionary<string, (long[] Shape, float[] Values)> tensors = scheme switch
        {
            "timm" => vit.Timm(),
            "lora-vit" => vit.LoraVit(),
            _ => vit.HuggingFace(prefix),
        };
        if (scheme == "huggingface")
        {
            File.WriteAllText(folder["checkpoint", "config.json"], vit.HuggingFaceConfig().ToJsonString());
            RandomVit.Save(checkpoint, tensors, type);
            checkpoint = folder["checkpoint"];
        }
        else
        {
            RandomVit.Save(checkpoint, tensors.ToDictionary(t => prefix + t.Key, t => t.Value), type);
        }

        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = 3 });
        using BasePackage package = BasePackage.Open(folder["base"]);

        Assert.Equal(reference.Digest, package.Digest);
        Assert.Equal(s_vit, package.Architecture with { LayerNormEpsilon = s_vit.LayerNormEpsilon });
        Assert.Contains($"\"naming\": \"{scheme}\"", File.ReadAllText(Path.Combine(package.Folder, "base.json")), StringComparison.Ordinal);
        using BaseRun ours = new(package), theirs = new(reference);
        Closeness.AssertWithin(1e-7, theirs.Features(vit.Pixels(2)), ours.Features(vit.Pixels(2)));
    }

    [Fact]
    public void AnyWeightThatDiffers_ChangesTheDigest()
    {
        using TemporaryFolder folder = new();
        RandomVit vit = new(s_vit);
        using BasePackage reference = ImportTimm(vit, folder["reference"]);
        int i = 0;
        foreach ((long[] _, float[] values) in vit.Weights.Values)
        {
            values[^1] += 1 / 512f;
            using BasePackage changed = ImportTimm(vit, folder[$"changed{i++}"]);
            Assert.NotEqual(reference.Digest, changed.Digest);
            values[^1] -= 1 / 512f;
        }
    }

    [Fact]
    public void FolderWithTimmsConfiguration_TakesHeadsAndPoolingFromIt()
    {
        RandomVit vit = new(s_vit with { Pooling = VitPooling.Average });
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["timm", "model.safetensors"], vit.Timm());
        File.WriteAllText(folder["timm", "config.json"], """{"architecture":"vit_x","num_classes":10,"global_pool":"avg","model_args":{"num_heads":3},"pretrained_cfg":{}}""");
        Importing.Import(folder["timm"], folder["base"]);
        using BasePackage package = BasePackage.Open(folder["base"]);
        Assert.Equal((3, VitPooling.Average, VitFinalNorm.BeforePooling), (package.Architecture.Heads, package.Architecture.Pooling, package.Architecture.FinalNorm));
    }

    [Fact]
    public void RealCheckpoint_HasTheDigestThatItsBytesGive()
    {
        // The digest is a contract with every bundle in the field. This one was computed apart from this code, in 40 lines of Python.
        using TemporaryFolder folder = new();
        Importing.Import(SharedData.Data("models", "vit_tiny_patch16_224.safetensors"), folder["base"]);
        using BasePackage package = BasePackage.Open(folder["base"]);
        Assert.Equal("vit_tiny_patch16_224", package.Architecture.Name);
        Assert.Equal("sha256:afaeac23f2b608c54457fe41033770af4fee026ce9c3a031a38343cfedcab5dd", package.Digest);
    }

    private static BasePackage ImportTimm(RandomVit vit, string folder)
    {
        string checkpoint = RandomVit.Save($"{folder}.safetensors", vit.Timm());
        Importing.Import(checkpoint, folder, new BaseImportOptions { Heads = 3 });
        return BasePackage.Open(folder);
    }
}
