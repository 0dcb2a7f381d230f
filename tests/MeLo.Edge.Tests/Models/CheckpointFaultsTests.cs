using System.Text.Json.Nodes;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>A checkpoint that does not fit is refused by the names of what does not fit, all at once, and leaves nothing behind.</summary>
public sealed class CheckpointFaultsTests
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 8, PatchSize = 4, Dim = 12, Depth = 3, Heads = 3, MlpDim = 20 };

    [Fact]
    public void MissingExtraAndMisshapenTensors_AreNamedTogether()
    {
        string message = Refused(t =>
        {
            t.Remove("blocks.1.attn.qkv.weight");
            t.Remove("norm.bias");
            t["blocks.2.mlp.fc2.weight"] = ([12, 21], new float[252]);
            t["surprise"] = ([1], [0]);
        });
        Assert.Contains("missing blocks.1.attn.qkv.weight, norm.bias;", message, StringComparison.Ordinal);
        Assert.Contains("extra surprise;", message, StringComparison.Ordinal);
        Assert.Contains("misshapen blocks.2.mlp.fc2.weight [12,21], expected [12,20]", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    public static TheoryData<string, string> ForeignTensors => new()
    {
        { "blocks.*.ls1.gamma", "blocks.[0-2].ls1.gamma" },            // layer scale
        { "reg_token", "reg_token" },                                  // registers
        { "blocks.*.attn.q_norm.weight", "blocks.[0-2].attn.q_norm.weight" }, // qk_norm
        { "norm_pre.weight", "norm_pre.weight" },                      // CLIP
        { "dist_token", "dist_token" },                                // distilled
        { "head_dist.weight", "head_dist.weight" },
        { "blocks.*.mlp.norm.weight", "blocks.[0-2].mlp.norm.weight" }, // SwiGLU with norm
        { "attn_pool.latent", "attn_pool.latent" },                    // attention pooling
        { "fc_norm.weight", "fc_norm.weight" },                        // beside norm
        { "patch_embed.norm.weight", "patch_embed.norm.weight" },
    };

    [Theory]
    [MemberData(nameof(ForeignTensors))]
    public void TensorOfAnotherModel_IsRefusedByName(string pattern, string named)
    {
        string message = Refused(t =>
        {
            for (int i = 0; i < 3; i++) t[pattern.Replace("*", $"{i}", StringComparison.Ordinal)] = ([12], new float[12]);
        });
        Assert.EndsWith($"extra {named}", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cls_token")]
    [InlineData("pos_embed")]
    [InlineData("patch_embed.proj.weight")]
    [InlineData("patch_embed.proj.bias")]
    [InlineData("blocks.0.mlp.fc1.weight")]
    [InlineData("blocks.0.attn.qkv.bias")]
    [InlineData("blocks.2.norm2.weight")]
    [InlineData("norm.weight")]
    public void AnyMissingTensor_IsNamedAlone(string name) =>
        Assert.EndsWith($"names: missing {name}", Refused(t => t.Remove(name)), StringComparison.Ordinal);

    [Fact]
    public void MissingBlock_IsNamedTensorByTensor()
    {
        string message = Refused(t =>
        {
            foreach (string name in t.Keys.Where(n => n.StartsWith("blocks.1.", StringComparison.Ordinal)).ToArray()) t.Remove(name);
        });
        Assert.Equal(12, message.Split("blocks.1.").Length - 1);
    }

    [Fact]
    public void EveryTensorMisshapen_IsReportedByLayerRanges()
    {
        string message = Refused(t =>
        {
            foreach (string i in (string[])["0", "2"]) t[$"blocks.{i}.norm1.weight"] = ([13], new float[13]);
        });
        Assert.EndsWith("misshapen blocks.[0,2].norm1.weight [13], expected [12]", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("patch_embed.proj.weight", new long[] { 12, 1, 4, 4 }, "expected [dim,3,patch,patch]")]
    [InlineData("patch_embed.proj.weight", new long[] { 12, 3, 4, 2 }, "expected [dim,3,patch,patch]")]
    [InlineData("patch_embed.proj.weight", new long[] { 12, 48 }, "expected [dim,3,patch,patch]")]
    [InlineData("patch_embed.proj.weight", new long[] { 0, 3, 4, 4 }, "expected [dim,3,patch,patch]")]
    [InlineData("pos_embed", new long[] { 1, 7, 12 }, "expected a square number of patches and one class token")]
    [InlineData("pos_embed", new long[] { 5, 12 }, "expected [1,tokens,dim]")]
    [InlineData("pos_embed", new long[] { 1, 5, 13 }, "expected [1,5,12]")]
    [InlineData("blocks.0.mlp.fc1.weight", new long[] { 240 }, "expected [mlp,dim]")]
    [InlineData("cls_token", new long[] { 1, 12 }, "expected [1,1,12]")]
    public void TensorThatTheArchitectureIsReadFrom_Misshapen_IsNamed(string name, long[] shape, string expected)
    {
        string message = Refused(t => t[name] = (shape, new float[shape.Aggregate(1L, (p, d) => p * d)]));
        Assert.Contains($"misshapen {name} [{string.Join(',', shape)}], {expected}", message, StringComparison.Ordinal);
    }

    [Fact]
    public void IntegerWeights_AreRefused()
    {
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["c.safetensors"], new RandomVit(s_vit).Timm(), ElementType.I8);
        Assert.Contains("misshapen blocks.[0-2].attn.proj.bias I8, expected F32, F16 or BF16", Import(folder, "c.safetensors", 3).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void ValueThatIsNotFinite_IsRefusedWithItsPlace(float value)
    {
        // Element 5 of the value projection: that is the last third of timm's qkv.
        string message = Refused(t => t["blocks.1.attn.qkv.weight"].Values[(2 * 144) + 5] = value);
        Assert.Contains($"tensor 'blocks.1.attn.qkv.weight': found {value} at element 293", message, StringComparison.Ordinal);
    }

    [Fact]
    public void ValueThatIsNotFinite_InThePositions_IsRefused() =>
        Assert.Contains("tensor 'pos_embed'", Refused(t => t["pos_embed"].Values[7] = float.NaN), StringComparison.Ordinal);

    [Fact]
    public void UnknownSize_WithoutHeads_AsksForThem()
    {
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["c.safetensors"], new RandomVit(s_vit).Timm());
        Assert.Contains("expected the option heads", Import(folder, "c.safetensors", null).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void HeadsThatDoNotDivideTheWidth_AreRefused()
    {
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["c.safetensors"], new RandomVit(s_vit).Timm());
        Assert.Contains("found 5 heads, expected a number that divides the width 12", Import(folder, "c.safetensors", 5).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("layer_norm_eps", null, "found no layer_norm_eps")]
    [InlineData("num_attention_heads", null, "found no num_attention_heads")]
    [InlineData("num_attention_heads", "\"3\"", "found num_attention_heads")]
    [InlineData("num_attention_heads", "4", "config.json says 4 heads, the option 3")]
    [InlineData("hidden_act", "\"gelu_new\"", "found hidden_act \"gelu_new\", expected \"gelu\"")]
    [InlineData("hidden_act", null, "found no hidden_act")]
    [InlineData("model_type", "\"deit\"", "found model_type \"deit\", expected \"vit\"")]
    [InlineData("hidden_size", "24", "config.json says hidden_size 24, the tensors have 12")]
    [InlineData("num_hidden_layers", "4", "config.json says num_hidden_layers 4, the tensors have 3")]
    [InlineData("intermediate_size", "21", "config.json says intermediate_size 21, the tensors have 20")]
    [InlineData("image_size", "16", "config.json says image_size 16, the tensors have 8")]
    [InlineData("patch_size", "2", "config.json says patch_size 2, the tensors have 4")]
    [InlineData("qkv_bias", "false", "extra encoder.layer.[0-2].attention.attention.key.bias")]
    [InlineData("qkv_bias", "1", "found qkv_bias 1, expected true or false")]
    public void HuggingFaceConfiguration_ThatDoesNotFit_IsRefused(string member, string? json, string expected)
    {
        using TemporaryFolder folder = new();
        RandomVit vit = new(s_vit);
        RandomVit.Save(folder["hf", "model.safetensors"], vit.HuggingFace());
        JsonObject config = vit.HuggingFaceConfig();
        if (json is null) config.Remove(member);
        else config[member] = JsonNode.Parse(json);
        File.WriteAllText(folder["hf", "config.json"], config.ToJsonString());
        Assert.Contains(expected, Import(folder, "hf", 3).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{\"model_type\":1,\"hidden_act\":[],\"num_attention_heads\":1e99,\"layer_norm_eps\":\"x\"}")]
    public void ConfigurationThatIsNone_IsRefused(string json)
    {
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["hf", "model.safetensors"], new RandomVit(s_vit).HuggingFace());
        File.WriteAllText(folder["hf", "config.json"], json);
        Assert.StartsWith("config.json: ", Import(folder, "hf", 3).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"architecture":"x","model_args":{"act_layer":"quick_gelu"}}""", "found act_layer \"quick_gelu\"")]
    [InlineData("""{"architecture":"x","global_pool":"map"}""", "found global_pool \"map\"")]
    [InlineData("""{"model_type":"vit"}""", "found no 'architecture'")]
    public void TimmConfiguration_ThatDoesNotFit_IsRefused(string json, string expected)
    {
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["timm", "model.safetensors"], new RandomVit(s_vit).Timm());
        File.WriteAllText(folder["timm", "config.json"], json);
        Assert.Contains(expected, Import(folder, "timm", 3).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void HuggingFaceFileAlone_AsksForTheFolder()
    {
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["c.safetensors"], new RandomVit(s_vit).HuggingFace());
        Assert.Contains("expected the folder with model.safetensors and config.json", Import(folder, "c.safetensors", 3).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FolderWithoutConfiguration_NothingThere_AndAnotherModel_AreRefused()
    {
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["hf", "model.safetensors"], new RandomVit(s_vit).HuggingFace());
        Assert.Contains("a folder without config.json", Import(folder, "hf", 3).Message, StringComparison.Ordinal);
        Assert.Contains("found nothing there", Import(folder, "absent", 3).Message, StringComparison.Ordinal);
        RandomVit.Save(folder["resnet.safetensors"], new Dictionary<string, (long[], float[])> { ["conv1.weight"] = ([1], [0]), ["fc.weight"] = ([1], [0]) });
        Assert.Contains("found conv1.weight, fc.weight, expected the names of a Vision Transformer", Import(folder, "resnet.safetensors", 3).Message, StringComparison.Ordinal);
        RandomVit.Save(folder["empty.safetensors"], new Dictionary<string, (long[], float[])>());
        Assert.Contains("found no tensor", Import(folder, "empty.safetensors", 3).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AdapterFile_IsNotABase()
    {
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["lora.safetensors"], new Dictionary<string, (long[], float[])> { ["w_a_000"] = ([4, 12], new float[48]), ["w_b_000"] = ([12, 4], new float[48]) });
        Assert.Contains("found w_a_000, w_b_000", Import(folder, "lora.safetensors", 3).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PrefixThatOnlySomeTensorsHave_IsNotTakenOff()
    {
        string message = Refused(t =>
        {
            (long[], float[]) norm = t["norm.weight"];
            t.Remove("norm.weight");
            t["module.norm.weight"] = norm;
        });
        Assert.Contains("missing norm.weight; extra module.norm.weight", message, StringComparison.Ordinal);
    }

    [Fact]
    public void HostileLayerNumbers_AreRefusedWithoutCountingToThem()
    {
        string message = Refused(t =>
        {
            t["blocks.2147483647.x"] = ([1], [0]);
            t["blocks.99999999999999999999.x"] = ([1], [0]);
            t["blocks.-1.x"] = ([1], [0]);
        });
        Assert.Contains("blocks.99999999999999999999.x", message, StringComparison.Ordinal);
        Assert.InRange(message.Length, 1, 10_000);
    }

    private static string Refused(Action<Dictionary<string, (long[] Shape, float[] Values)>> change)
    {
        using TemporaryFolder folder = new();
        Dictionary<string, (long[] Shape, float[] Values)> tensors = new RandomVit(s_vit).Timm();
        change(tensors);
        RandomVit.Save(folder["c.safetensors"], tensors);
        string message = Import(folder, "c.safetensors", 3).Message;
        Assert.Contains("c.safetensors", message, StringComparison.Ordinal);
        return message;
    }

    private static ModelException Import(TemporaryFolder folder, string checkpoint, int? heads)
    {
        string[] before = Directory.GetFileSystemEntries(folder.Root);
        ModelException refusal = Assert.Throws<ModelException>(() =>
            Importing.Import(Path.Combine(folder.Root, checkpoint), Path.Combine(folder.Root, "base"), new BaseImportOptions { Heads = heads }));
        Assert.Equal(before, Directory.GetFileSystemEntries(folder.Root));
        return refusal;
    }
}
