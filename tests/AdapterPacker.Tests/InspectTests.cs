using System.Text.Json;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;

namespace AdapterPacker.Tests;

public sealed class InspectTests(Workbench bench)
{
    [Fact]
    public void RankFourOnViTBase_IsReportedAsThePaperCounts()
    {
        using TemporaryFolder folder = new();
        string path = WriteVitBase(folder["base.melo"]);
        string text = Packer.Done("inspect", path);
        Assert.Contains("147,456 (0.17 % of the base)", text, StringComparison.Ordinal);
        Assert.Contains("85,798,656 parameters", text, StringComparison.Ordinal);
        Assert.Contains("zero: the file holds none", text, StringComparison.Ordinal);
        Assert.Contains("none: no device takes it", text, StringComparison.Ordinal);

        using JsonDocument json = JsonDocument.Parse(Packer.Done("inspect", path, "--json"));
        JsonElement parameters = json.RootElement.GetProperty("parameters");
        Assert.Equal((147_456, 1_538, 85_798_656), (parameters.GetProperty("lora").GetInt64(), parameters.GetProperty("head").GetInt64(), parameters.GetProperty("base").GetInt64()));
        Assert.Equal(0.1719, parameters.GetProperty("percentOfBase").GetDouble());
        Assert.Equal(4 * (147_456 + 1_538), json.RootElement.GetProperty("adapterBytes").GetInt64());
        Assert.Equal(new FileInfo(path).Length, json.RootElement.GetProperty("fileBytes").GetInt64());
    }

    [Fact]
    public void SignedBundle_IsShownWithoutTrust_AndSaysThatNobodyVerifiedIt()
    {
        Assert.Contains("key mode; not verified here", Packer.Done("inspect", bench.Bundle), StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(Packer.Done("inspect", bench.Bundle, "--json"));
        JsonElement signature = json.RootElement.GetProperty("signature");
        Assert.Equal("key", signature.GetProperty("method").GetString());
        Assert.False(signature.GetProperty("verified").GetBoolean());
        Assert.Equal("melo.adapter/1", json.RootElement.GetProperty("description").GetProperty("schema").GetString());
    }

    [Theory]
    [InlineData(false, null, null, "precision     fp32; refused in fp16 and int8, in which its maker did not measure it")]
    [InlineData(false, null, 0.07, "precision     fp32, or int8 with tolerance 0.07; refused in fp16, in which its maker did not measure it")]
    [InlineData(false, 0.05, null, "precision     fp32, or fp16 with tolerance 0.05; refused in int8, in which its maker did not measure it")]
    [InlineData(false, 0.05, 0.07, "precision     fp32, or fp16 with tolerance 0.05, or int8 with tolerance 0.07")]
    [InlineData(true, null, null, "precision     fp32, demanded: devices that run another run it beside it, or refuse it")]
    [InlineData(true, 0.05, 0.07, "precision     fp32, demanded")]
    public void Precisions_AreSaid(bool demanded, double? half, double? bytes, string line)
    {
        using TemporaryFolder folder = new();
        BundleContents made = Bundle.OpenUnverified(bench.Bundle);
        AdapterDescription description = made.Description with { Precision = demanded ? Precision.Fp32 : null, Tolerance = new ProbeTolerance(1e-3, Int8: bytes, Fp16: half) };
        File.WriteAllBytes(folder["b.melo"], BundleWriter.Write(description, made.Adapter, made.Probe, preview: null, key: null));
        Assert.Contains(line, Packer.Done("inspect", folder["b.melo"]), StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(Packer.Done("inspect", folder["b.melo"], "--json"));
        Assert.Equal(demanded ? "fp32" : null, json.RootElement.GetProperty("description").TryGetProperty("precision", out JsonElement member) ? member.GetString() : null);
    }

    [Fact]
    public void FileThatIsNoBundle_IsRefused()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["x.melo"], "hello");
        Packer.Refused("x.melo", "inspect", folder["x.melo"]);
        Packer.Refused("absent.melo", "inspect", Path.Combine(folder.Root, "absent.melo"));
        ProgramResult json = Packer.Refused("x.melo", "inspect", folder["x.melo"], "--json");
        Assert.Empty(json.Output);
    }

    private static string WriteVitBase(string path)
    {
        const int dim = 768, size = 224;
        LoraPair[] pairs =
        [
            .. from layer in Enumerable.Range(0, 12) from linear in (VitLinear[])[VitLinear.Query, VitLinear.Value]
               select new LoraPair(new LinearId(layer, linear), 4, dim, dim, new float[4 * dim], new float[4 * dim]),
        ];
        LoraAdapter adapter = new(1, pairs, new TaskHead(2, dim, new float[2 * dim], new float[2]));
        AdapterDescription description = new()
        {
            Task = "tuberculosis", Release = 1, Title = "Tuberculosis", Base = "sha256:" + new string('a', 64), Architecture = "vit_base_patch16_224",
            Lora = new LoraDescription(4, 4, 1, adapter.Targets, "lora-vit"),
            Head = new HeadDescription(["normal", "tuberculosis"], HeadActivation.Softmax, "zero"),
            Input = new InputDescription(PreprocessRecipe.Half),
            Tolerance = new ProbeTolerance(1e-3),
            Created = DateTimeOffset.UnixEpoch,
        };
        Probe probe = new(new float[3 * size * size], [1, 3, size, size], new float[2], 2);
        File.WriteAllBytes(path, BundleWriter.Write(description, adapter, probe, preview: null, key: null));
        return path;
    }
}
