using System.Text.Json;
using System.Text.Json.Nodes;
using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Adapters;

public sealed class PeftFolderTests : IDisposable
{
    private const string Hf = "base_model.model.vit.encoder.layer.";
    private readonly TemporaryFolder _folder = new();
    private readonly Random _random = new(2);

    [Fact]
    public void GoldenAdapter_IsReadWithItsClassifier()
    {
        string folder = SharedData.Golden("hf_micro", "peft");
        ImportedAdapter imported = PeftFolder.Read(folder);
        Assert.Equal((4, 4f, 3), (imported.Adapter.Rank, imported.Adapter.Scale, imported.Adapter.Depth));
        Assert.Equal((7, 64), (imported.Adapter.Head.Classes, imported.Adapter.Head.Dim));
        Assert.Equal([VitLinear.Query, VitLinear.Value], imported.Adapter.Targets);
        Assert.Equal((16.0, "peft", "adapter"), (imported.Alpha, imported.Source, imported.BiasSource));
        using SafetensorsFile raw = SafetensorsFile.Open(Path.Combine(folder, "adapter_model.safetensors"));
        Assert.Equal(raw["base_model.model.vit.encoder.layer.1.attention.attention.value.lora_B.weight"].ToSingles(), imported.Adapter.Pairs[3].B);
        Assert.Equal(raw["base_model.model.classifier.bias"].ToSingles(), imported.Adapter.Head.Bias);
    }

    [Fact]
    public void PublishedAdapter_IsRead()
    {
        ImportedAdapter imported = PeftFolder.Read(SharedData.Data("adapters", "vit_base_peft_human_actions"));
        Assert.Equal((16, 1f, 12), (imported.Adapter.Rank, imported.Adapter.Scale, imported.Adapter.Depth));
        Assert.Equal((15, 768), (imported.Adapter.Head.Classes, imported.Adapter.Head.Dim));
        Assert.Equal(4 * 147_456, imported.Adapter.LoraParameterCount);
    }

    [Theory]
    [InlineData(false, 16.0 / 4)]
    [InlineData(true, 16.0 / 2)]
    public void Scale_IsAlphaOverRank_OrOverItsRootForRsLora(bool rsLora, double scale)
    {
        Adapter adapter = Plain();
        adapter.Config["use_rslora"] = rsLora;
        Assert.Equal((float)scale, Read(adapter).Adapter.Scale);
    }

    [Fact]
    public void EveryLinearOfABlock_IsRecognisedUnderHuggingFaceNames()
    {
        Adapter adapter = Plain("attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense", "intermediate.dense", "output.dense");
        adapter.Config["target_modules"] = new JsonArray("query", "key", "value", "dense");
        LoraAdapter read = Read(adapter).Adapter;
        Assert.Equal(VitLinears.All, read.Targets);
        LoraPair fc1 = read.Pairs.Single(p => p.Target == new LinearId(1, VitLinear.Fc1));
        LoraPair fc2 = read.Pairs.Single(p => p.Target == new LinearId(1, VitLinear.Fc2));
        Assert.Equal((8, 32, 32, 8), (fc1.InFeatures, fc1.OutFeatures, fc2.InFeatures, fc2.OutFeatures));
        Assert.Equal(adapter.Values($"{Hf}1.output.dense.lora_A.weight"), fc2.A);
        Assert.Equal(adapter.Values($"{Hf}1.attention.output.dense.lora_A.weight"), read.Pairs.Single(p => p.Target == new LinearId(1, VitLinear.Output)).A);
    }

    [Fact]
    public void TimmsFusedQkv_BecomesThreePairsWithOneA()
    {
        Adapter adapter = new();
        for (int layer = 0; layer < 2; layer++) adapter.Add(_random, $"base_model.model.blocks.{layer}.attn.qkv", 4, 8, 24);
        adapter.Tensors["base_model.model.head.weight"] = ([3, 8], RandomAdapters.Values(_random, 24));
        adapter.Config["target_modules"] = new JsonArray("qkv");
        ImportedAdapter imported = Read(adapter);
        LoraAdapter read = imported.Adapter;
        Assert.Equal([VitLinear.Query, VitLinear.Key, VitLinear.Value], read.Targets);
        Assert.Equal("zero", imported.BiasSource);
        float[] b = adapter.Values("base_model.model.blocks.1.attn.qkv.lora_B.weight");
        for (int part = 0; part < 3; part++)
        {
            LoraPair pair = read.Pairs[3 + part];
            Assert.Equal(adapter.Values("base_model.model.blocks.1.attn.qkv.lora_A.weight"), pair.A);
            Assert.Equal(b[(part * 32)..((part + 1) * 32)], pair.B);
        }
    }

    [Theory]
    [InlineData("attention.attention.query", 8, 4)]
    [InlineData(@"layer\.1\.attention.*query", 8, 4)]
    [InlineData("encoder.layer.1.attention.attention.query", 2, 16)]
    public void RankAndAlphaPatterns_GiveALayerItsOwnRank_AndTheirScaleGoesIntoB(string pattern, int rank, double alpha)
    {
        Adapter adapter = Plain();
        adapter.Config["rank_pattern"] = new JsonObject { [pattern] = rank };
        adapter.Config["alpha_pattern"] = new JsonObject { [pattern] = alpha };
        int first = pattern.Contains('1', StringComparison.Ordinal) ? 1 : 0;
        for (int layer = first; layer < 2; layer++) adapter.Add(_random, $"{Hf}{layer}.attention.attention.query", rank, 8, 8);
        LoraAdapter read = Read(adapter).Adapter;
        Assert.Equal(4f, read.Scale);
        foreach (LoraPair pair in read.Pairs)
        {
            bool own = pair.Target.Linear == VitLinear.Query && pair.Target.Layer >= first;
            float[] stored = adapter.Values($"{Hf}{pair.Target.Layer}.attention.attention.{pair.Target.Linear.Name()}.lora_B.weight");
            double factor = own ? alpha / rank / 4.0 : 1;
            Assert.Equal(own ? rank : 4, pair.Rank);
            Assert.Equal(stored.Select(v => (float)(v * factor)), pair.B);
        }
    }

    [Fact]
    public void PatternsThatVersionsOfPeftReadDifferently_AreRefused()
    {
        // One pattern for the rank, another for alpha: before 0.15 the second was not looked at.
        Adapter adapter = Plain();
        adapter.Config["rank_pattern"] = new JsonObject { ["query"] = 4 };
        adapter.Config["alpha_pattern"] = new JsonObject { ["attention.query"] = 32 };
        Assert.Contains("'alpha_pattern'", Refused(adapter), StringComparison.Ordinal);
    }

    [Fact]
    public void RankThatIsNotTheConfigured_IsRefused()
    {
        Adapter adapter = Plain();
        adapter.Add(_random, $"{Hf}1.attention.attention.value", 3, 8, 8);
        Assert.Contains("'r': found rank 4 for vit.encoder.layer.1.attention.attention.value, expected 3", Refused(adapter), StringComparison.Ordinal);
    }

    [Fact]
    public void LayersToTransform_LeavesPairsOfZerosInTheOthers()
    {
        Adapter adapter = Plain();
        foreach (string linear in (string[])["query", "value"]) adapter.Remove($"{Hf}0.attention.attention.{linear}");
        adapter.Config["layers_to_transform"] = new JsonArray(1);
        Assert.Contains("expected the base's number of layers", Refused(adapter), StringComparison.Ordinal);
        LoraAdapter read = PeftFolder.Read(Write(adapter), depth: 3).Adapter;
        Assert.Equal(3, read.Depth);
        foreach (LoraPair pair in read.Pairs.Where(p => p.Target.Layer != 1))
        {
            Assert.Equal(1, pair.Rank);
            Assert.All(pair.A.Concat(pair.B), v => Assert.Equal(0, v));
        }
        Assert.All(read.Pairs.Where(p => p.Target.Layer == 1), p => Assert.Equal(4, p.Rank));
    }

    [Fact]
    public void LayersMissingWithoutAReason_AreRefused()
    {
        Adapter adapter = Plain();
        foreach (string linear in (string[])["query", "value"]) adapter.Remove($"{Hf}0.attention.attention.{linear}");
        Assert.Contains("layers.0.query: is missing", Refused(adapter), StringComparison.Ordinal);
        Assert.Contains("found 2 layers, expected 12", Assert.Throws<AdapterException>(() => PeftFolder.Read(Write(Plain()), depth: 12)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("classifier.weight", "classifier.bias")]
    [InlineData("classifier.modules_to_save.weight", "classifier.modules_to_save.bias")]
    [InlineData("classifier.modules_to_save.default.weight", "classifier.modules_to_save.default.bias")]
    [InlineData("head.weight", "head.bias")]
    [InlineData("fc.weight", "fc.bias")]
    public void Head_IsFoundUnderEveryNameThatPeftGivesIt(string weight, string bias)
    {
        Adapter adapter = Plain();
        adapter.Rename("base_model.model.classifier.weight", "base_model.model." + weight);
        adapter.Rename("base_model.model.classifier.bias", "base_model.model." + bias);
        adapter.Tensors["base_model.model.classifier.original_module.weight"] = ([1000, 8], new float[8000]);
        ImportedAdapter imported = Read(adapter);
        Assert.Equal(adapter.Values("base_model.model." + weight), imported.Adapter.Head.Weight);
        Assert.Equal(adapter.Values("base_model.model." + bias), imported.Adapter.Head.Bias);
        Assert.Equal("adapter", imported.BiasSource);
    }

    [Fact]
    public void HeadBiasFromTheCaller_FillsAMissingOneOnly()
    {
        Adapter adapter = Plain();
        Assert.Contains("a head bias of its own", Assert.Throws<AdapterException>(() => PeftFolder.Read(Write(adapter), headBias: [1, 2, 3])).Message, StringComparison.Ordinal);
        adapter.Tensors.Remove("base_model.model.classifier.bias");
        ImportedAdapter imported = PeftFolder.Read(Write(adapter), headBias: [1, 2, 3]);
        Assert.Equal([1, 2, 3], imported.Adapter.Head.Bias);
        Assert.Equal("file", imported.BiasSource);
        Assert.Contains("head bias of 1 values", Assert.Throws<AdapterException>(() => PeftFolder.Read(Write(adapter), headBias: [1])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("peft_type", "\"IA3\"")]
    [InlineData("bias", "\"all\"")]
    [InlineData("bias", "\"lora_only\"")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("use_dora", "true")]
    [InlineData("lora_bias", "true")]
    [InlineData("init_lora_weights", "\"pissa\"")]
    [InlineData("init_lora_weights", "\"pissa_niter_16\"")]
    [InlineData("init_lora_weights", "\"olora\"")]
    [InlineData("init_lora_weights", "\"loftq\"")]
    [InlineData("init_lora_weights", "3")]
    [InlineData("loftq_config", "{\"loftq_bits\":4}")]
    [InlineData("layer_replication", "[[0,4],[2,5]]")]
    [InlineData("megatron_config", "{\"x\":1}")]
    [InlineData("use_qalora", "true")]
    [InlineData("trainable_token_indices", "[1]")]
    [InlineData("some_future_setting", "\"on\"")]
    [InlineData("r", "0")]
    [InlineData("r", "4.5")]
    [InlineData("r", "\"4\"")]
    [InlineData("r", "1e300")]
    [InlineData("lora_alpha", "0")]
    [InlineData("lora_alpha", "null")]
    [InlineData("rank_pattern", "{\"query\":\"x\"}")]
    [InlineData("rank_pattern", "[]")]
    [InlineData("alpha_pattern", "{\"(?=query)\":2}")]
    [InlineData("alpha_pattern", "{\"(query\":2}")]
    [InlineData("target_modules", "[\"query\",\"value\",\"key\"]")]
    [InlineData("target_modules", "[1]")]
    public void SettingThatChangesTheArithmetic_IsRefusedByName(string member, string value)
    {
        Adapter adapter = Plain();
        adapter.Config[member] = JsonNode.Parse(value);
        Assert.StartsWith($"adapter_config.json: '{member}': ", Refused(adapter), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("use_dora", "false")]
    [InlineData("loftq_config", "{}")]
    [InlineData("some_future_setting", "null")]
    [InlineData("init_lora_weights", "\"gaussian\"")]
    [InlineData("peft_version", "\"0.18.0\"")]
    [InlineData("target_modules", "\".*\\\\.(query|value)\"")]
    public void SettingThatLeavesTheArithmeticAlone_IsAccepted(string member, string value)
    {
        Adapter adapter = Plain();
        adapter.Config[member] = JsonNode.Parse(value);
        Assert.Equal(2, PeftFolder.Read(Write(adapter), depth: 2).Adapter.Depth);
    }

    [Theory]
    [InlineData("base_model.model.vit.encoder.layer.0.attention.attention.query.lora_magnitude_vector", "is neither")]
    [InlineData("base_model.model.vit.encoder.layer.0.attention.attention.query.lora_B.bias", "is neither")]
    [InlineData("base_model.model.vit.embeddings.patch_embeddings.projection.lora_A.weight", "no linear of a ViT's block")]
    [InlineData("base_model.model.vit.pooler.dense.lora_A.weight", "no linear of a ViT's block")]
    [InlineData("base_model.model.vit.encoder.layer.0.layernorm_before.weight", "is neither")]
    [InlineData("base_model.model.vit.encoder.layer.0.attention.attention.key.lora_A.weight", "has no lora_B")]
    [InlineData("base_model.model.vit.encoder.layer.0.attention.attention.key.lora_B.weight", "has no lora_A")]
    [InlineData("base_model.model.vit.encoder.layer.0.attention.attention.query.lora_A.default.weight", "is there twice")]
    [InlineData("base_model.model.head.weight", "is a second head")]
    [InlineData("base_model.model.classifier.modules_to_save.weight", "is there twice")]
    public void TensorThatHasNoPlace_IsRefusedByName(string name, string reason)
    {
        Adapter adapter = Plain();
        adapter.Tensors[name] = ([4, 8], new float[32]);
        string message = Refused(adapter);
        Assert.Contains($"'{name}'", message, StringComparison.Ordinal);
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingHeadConfigOrWeights_AreRefused()
    {
        Adapter adapter = Plain();
        adapter.Tensors.Remove("base_model.model.classifier.weight");
        Assert.Contains("found no head", Refused(adapter), StringComparison.Ordinal);
        string folder = Write(Plain());
        File.Delete(Path.Combine(folder, "adapter_config.json"));
        Assert.Contains("found no adapter_config.json", Assert.Throws<AdapterException>(() => PeftFolder.Read(folder)).Message, StringComparison.Ordinal);
        folder = Write(Plain());
        File.Delete(Path.Combine(folder, "adapter_model.safetensors"));
        Assert.Throws<FileNotFoundException>(() => PeftFolder.Read(folder));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"peft_type\":\"LO\\ud800RA\",\"r\":4,\"lora_alpha\":8}")]
    [InlineData("{\"peft_type\":\"LORA\"")]
    [InlineData("{\"peft_type\":\"LORA\",\"r\":4,\"r\":8,\"lora_alpha\":8}")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]")]
    public void ConfigThatIsNotJson_IsRefused(string text)
    {
        string folder = Write(Plain());
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), text);
        Assert.StartsWith("adapter_config.json: ", Assert.Throws<AdapterException>(() => PeftFolder.Read(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WrongShapesAndNonFiniteValues_AreRefusedByName()
    {
        const string a = Hf + "0.attention.attention.query.lora_A.weight", b = Hf + "0.attention.attention.query.lora_B.weight";
        AssertRefused(a, ([4], new float[4]), "expected [rank,in]");
        AssertRefused(b, ([8, 5], new float[40]), "expected [out,4]");
        AssertRefused(b, ([8], new float[8]), "expected [out,4]");
        AssertRefused(a, ([4, 8], [float.NaN, .. new float[31]]), "not finite");
        AssertRefused(b, ([8, 4], [float.NegativeInfinity, .. new float[31]]), "not finite");
        AssertRefused("base_model.model.classifier.weight", ([3, 8], [float.NaN, .. new float[23]]), "not finite");
        AssertRefused("base_model.model.classifier.weight", ([24], new float[24]), "expected [classes,dim]");
        AssertRefused("base_model.model.classifier.weight", ([3, 9], new float[27]), "expected the 9 features of the head");
        AssertRefused("base_model.model.classifier.bias", ([4], new float[4]), "expected [3]");

        void AssertRefused(string name, (long[], float[]) tensor, string reason)
        {
            Adapter adapter = Plain();
            adapter.Tensors[name] = tensor;
            Assert.Contains(reason, Refused(adapter), StringComparison.Ordinal);
        }
    }

    public void Dispose() => _folder.Dispose();

    private ImportedAdapter Read(Adapter adapter) => PeftFolder.Read(Write(adapter));

    private string Refused(Adapter adapter) => Assert.Throws<AdapterException>(() => Read(adapter)).Message;

    // Two layers of width 8 (MLP 32), three classes, rank 4, alpha 16.
    private Adapter Plain(params string[] modules)
    {
        Adapter adapter = new();
        if (modules.Length == 0) modules = ["attention.attention.query", "attention.attention.value"];
        for (int layer = 0; layer < 2; layer++)
            foreach (string module in modules)
                adapter.Add(_random, $"{Hf}{layer}.{module}", 4, module == "output.dense" ? 32 : 8, module == "intermediate.dense" ? 32 : 8);
        adapter.Tensors["base_model.model.classifier.weight"] = ([3, 8], RandomAdapters.Values(_random, 24));
        adapter.Tensors["base_model.model.classifier.bias"] = ([3], RandomAdapters.Values(_random, 3));
        return adapter;
    }

    private string Write(Adapter adapter)
    {
        string config = _folder[$"peft-{Guid.NewGuid():N}", "adapter_config.json"];
        File.WriteAllText(config, adapter.Config.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
        string folder = Path.GetDirectoryName(config)!;
        File.WriteAllBytes(
            Path.Combine(folder, "adapter_model.safetensors"),
            SafetensorsWriter.ToBytes([.. adapter.Tensors.Select(t => TensorSource.FromSingles(t.Key, t.Value.Shape, t.Value.Values))]));
        return folder;
    }

    private sealed class Adapter
    {
        public JsonObject Config { get; } = new()
        {
            ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 16, ["use_rslora"] = false, ["target_modules"] = new JsonArray("query", "value"),
            ["modules_to_save"] = new JsonArray("classifier"), ["bias"] = "none", ["fan_in_fan_out"] = false, ["lora_dropout"] = 0.1,
        };

        public Dictionary<string, (long[] Shape, float[] Values)> Tensors { get; } = [];

        public void Add(Random random, string module, int rank, int inFeatures, int outFeatures)
        {
            Tensors[$"{module}.lora_A.weight"] = ([rank, inFeatures], RandomAdapters.Values(random, rank * inFeatures));
            Tensors[$"{module}.lora_B.weight"] = ([outFeatures, rank], RandomAdapters.Values(random, outFeatures * rank));
        }

        public void Remove(string module)
        {
            Assert.True(Tensors.Remove($"{module}.lora_A.weight"));
            Assert.True(Tensors.Remove($"{module}.lora_B.weight"));
        }

        public void Rename(string from, string to)
        {
            Assert.True(Tensors.Remove(from, out (long[], float[]) tensor));
            Tensors[to] = tensor;
        }

        public float[] Values(string name) => Tensors[name].Values;
    }
}
