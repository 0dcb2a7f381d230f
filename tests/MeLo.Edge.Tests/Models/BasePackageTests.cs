using System.Text.Json.Nodes;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>A package opens only if all of it is what base.json says.</summary>
public sealed class BasePackageTests
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 8, PatchSize = 4, Dim = 12, Depth = 2, Heads = 3, MlpDim = 20 };

    [Fact]
    public void Package_TellsWhatItHolds()
    {
        using TemporaryFolder folder = new();
        using BasePackage package = BasePackage.Open(Import(folder));
        Assert.Equal(s_vit, package.Architecture with { LayerNormEpsilon = s_vit.LayerNormEpsilon });
        Assert.Equal([Precision.Fp32], package.Precisions);
        Assert.Equal([new LinearId(0, VitLinear.Query), new LinearId(0, VitLinear.Value), new LinearId(1, VitLinear.Query), new LinearId(1, VitLinear.Value)], package.AdaptableLinears);
        Assert.Equal(Path.Combine(folder.Root, "base", "model.fp32.onnx"), package.GraphPath(Precision.Fp32));
        Assert.Matches("^sha256:[0-9a-f]{64}$", package.Digest);
        Assert.Equal(["base.json", "model.fp32.onnx", "weights.safetensors"], Directory.GetFiles(package.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(CanonicalWeights.Of(s_vit).Select(w => w.Name), package.Weights.Tensors.OrderBy(t => t.Value.Offset).Select(t => t.Key));
        Assert.All(package.Weights.Tensors.Values, t => Assert.Equal(ElementType.F32, t.Type));
    }

    [Fact]
    public void CanonicalLinearWeight_IsTheCheckpointsTransposed()
    {
        using TemporaryFolder folder = new();
        RandomVit vit = new(s_vit);
        using BasePackage package = BasePackage.Open(Import(folder));
        Assert.Equal(BaseRun.Transposed(vit.Weights["1.v.weight"].Values, 12), package.Weights["layers.1.value.weight"].ToSingles());
        Assert.Equal(BaseRun.Transposed(vit.Weights["0.fc1.weight"].Values, 20), package.Weights["layers.0.fc1.weight"].ToSingles());
        Assert.Equal(vit.Weights["1.k.bias"].Values, package.Weights["layers.1.key.bias"].ToSingles());
    }

    public static TheoryData<string, string?, string> ManifestChanges => new()
    {
        { "schema", "\"melo.base/2\"", "found schema 'melo.base/2' in base.json, expected 'melo.base/1'" },
        { "schema", null, "found schema ''" },
        { "digest", "\"sha256:00\"", "expected sha256:00" },
        { "digest", null, "digest" },
        { "surprise", "1", "surprise" },
        { "architecture.heads", "4", "found architecture name" },
        { "architecture.heads", "5", "5 heads" },
        { "architecture.name", "\"vit_base_patch16_224\"", "found architecture name 'vit_base_patch16_224'" },
        { "architecture.depth", "3", "missing layers.2.fc1.bias" },
        { "architecture.depth", "100000", "Depth 100000" },
        { "architecture.mlpDim", "24", "found architecture name" },
        { "architecture.pooling", "\"max\"", "pooling" },
        { "architecture.pooling", "0", "pooling" },
        { "architecture.qkvBias", null, "qkvBias" },
        { "architecture.qkvBias", "false", "extra layers.[0-1].key.bias" },
        { "architecture.layerNormEpsilon", "0", "epsilon 0" },
        { "adaptable", "[]", "no adaptable linear" },
        { "adaptable", "[\"value\",\"query\"]", "'query' after 'value'" },
        { "adaptable", "[\"query\",\"query\"]", "'query' after 'query'" },
        { "adaptable", "[\"qv\"]", "adaptable linear 'qv'" },
        { "adaptable", "null", "adaptable" },
        { "weights.file", "\"../weights.safetensors\"", "weights file" },
        { "weights.dataOffset", "0", "of weights.safetensors, expected 0" },
        { "graphs", "[]", "no graph" },
        { "graphs.0.file", "\"../base/model.fp32.onnx\"", "graph file" },
        { "graphs.0.sha256", "\"00\"", "expected 00" },
        { "graphs.0.precision", "\"bf16\"", "found 'bf16', expected fp32 or fp16 or int8" },
        { "graphs.0.weightsSha256", "\"00\"", "found weightsSha256 for fp32, expected none" },
        { "created", "\"yesterday\"", "created" },
    };

    [Theory]
    [MemberData(nameof(ManifestChanges))]
    public void ManifestThatIsWrong_IsRefused(string member, string? json, string expected)
    {
        using TemporaryFolder folder = new();
        string package = Import(folder), path = Path.Combine(package, "base.json");
        JsonNode root = JsonNode.Parse(File.ReadAllText(path))!, parent = root;
        string[] steps = member.Split('.');
        foreach (string step in steps[..^1]) parent = int.TryParse(step, out int i) ? parent[i]! : parent[step]!;
        if (json is null) parent.AsObject().Remove(steps[^1]);
        else parent[steps[^1]] = JsonNode.Parse(json);
        // A depth or a switch that changes the name would stop there; follow it to the check behind.
        if (steps[0] == "architecture" && steps[^1] is "depth" or "qkvBias" && json is "3" or "false")
            root["architecture"]!["name"] = root["architecture"]!["name"]!.GetValue<string>().Replace("_l2_", json == "3" ? "_l3_" : "_l2_", StringComparison.Ordinal);
        File.WriteAllText(path, root.ToJsonString());
        Assert.Contains(expected, Refusal(package).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("{\"schema\":\"melo.base/1\"")]
    [InlineData("{\"schema\":\"melo.base/1\"}")]
    public void ManifestThatIsNone_IsRefused(string json)
    {
        using TemporaryFolder folder = new();
        string package = Import(folder);
        File.WriteAllText(Path.Combine(package, "base.json"), json);
        Refusal(package);
    }

    [Fact]
    public void RepeatedMember_IsRefused()
    {
        using TemporaryFolder folder = new();
        string package = Import(folder), path = Path.Combine(package, "base.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"adaptable\":", "\"adaptable\": [\"query\"], \"adaptable\":", StringComparison.Ordinal));
        Assert.Contains("adaptable", Refusal(package).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyFileMissing_IsNamed()
    {
        foreach (string file in (string[])["base.json", "model.fp32.onnx", "weights.safetensors"])
        {
            using TemporaryFolder folder = new();
            string package = Import(folder);
            File.Delete(Path.Combine(package, file));
            Assert.Contains($"found no {file}", Refusal(package).Message, StringComparison.Ordinal);
        }
        Assert.Contains("found no base.json", Refusal(Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnyByteOfTheWeightsOrTheGraphChanged_IsRefused()
    {
        using TemporaryFolder folder = new();
        string package = Import(folder);
        Random random = new(3);
        foreach (string file in (string[])["weights.safetensors", "model.fp32.onnx"])
        {
            string path = Path.Combine(package, file);
            byte[] original = File.ReadAllBytes(path);
            for (int i = 0; i < 100; i++)
            {
                byte[] changed = (byte[])original.Clone();
                // The padding of a safetensors header may be any white space, so a bit that makes one space another is no harm;
                // bit 0 makes it '!'.
                changed[random.Next(changed.Length)] ^= 1;
                File.WriteAllBytes(path, changed);
                Assert.ThrowsAny<MeLoException>(() => BasePackage.Open(package).Dispose());
            }
            File.WriteAllBytes(path, original);
        }
        BasePackage.Open(package).Dispose();
    }

    [Fact]
    public void SameWeightsInAnotherOrder_AreRefused()
    {
        // The digest would be right and the graph's own hash too, but the graph would read other tensors' bytes.
        using TemporaryFolder folder = new();
        string package = Import(folder), path = Path.Combine(package, "weights.safetensors");
        byte[] reordered;
        using (SafetensorsFile weights = SafetensorsFile.Open(path))
        {
            reordered = SafetensorsWriter.ToBytes([.. weights.Tensors.Values.OrderByDescending(t => t.Name, StringComparer.Ordinal)
                .Select(t => TensorSource.FromSingles(t.Name, t.Shape, t.ToSingles()))]);
        }
        File.WriteAllBytes(path, reordered);
        Assert.Contains("of weights.safetensors, expected", Refusal(package).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WeightThatIsNotFinite_IsRefused_EvenWithItsDigest()
    {
        using TemporaryFolder folder = new();
        string package = Import(folder), path = Path.Combine(package, "weights.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        BitConverter.GetBytes(float.NaN).CopyTo(bytes, bytes.Length - 4);
        File.WriteAllBytes(path, bytes);
        string refusal = Refusal(package).Message;
        Assert.Contains("'position_embedding' holds a value that is not finite", refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Precision.Fp16, "changed", "found weights.fp16.safetensors with SHA-256")]
    [InlineData(Precision.Fp16, "missing", "found no weights.fp16.safetensors")]
    [InlineData(Precision.Fp16, "unhashed", "expected one as base.json says")]
    [InlineData(Precision.Int8, "changed", "found weights.int8.safetensors with SHA-256")]
    [InlineData(Precision.Int8, "missing", "found no weights.int8.safetensors")]
    [InlineData(Precision.Int8, "unhashed", "expected one as base.json says")]
    public void OwnWeights_NotThoseOfTheImport_AreRefused(Precision precision, string fault, string message)
    {
        using TemporaryFolder folder = new();
        string package = Import(folder, precision), file = Path.Combine(package, $"weights.{precision.Name()}.safetensors"), manifest = Path.Combine(package, "base.json");
        if (fault == "missing") File.Delete(file);
        if (fault == "changed")
        {
            byte[] bytes = File.ReadAllBytes(file);
            bytes[^1] ^= 1;
            File.WriteAllBytes(file, bytes);
        }
        if (fault == "unhashed")
        {
            JsonNode json = JsonNode.Parse(File.ReadAllText(manifest))!;
            Assert.True(json["graphs"]![0]!.AsObject().Remove("weightsSha256"));
            File.WriteAllText(manifest, json.ToJsonString());
        }
        Assert.Contains(message, Refusal(package).Message, StringComparison.Ordinal);
    }

    private static string Import(TemporaryFolder folder, Precision precision = Precision.Fp32)
    {
        string checkpoint = RandomVit.Save(folder["checkpoint.safetensors"], new RandomVit(s_vit).Timm());
        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = 3, Precisions = [precision] });
        return folder["base"];
    }

    private static ModelException Refusal(string package) => Assert.Throws<ModelException>(() => BasePackage.Open(package).Dispose());
}
