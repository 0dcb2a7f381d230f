using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>The graph against the naive twin, over the architectures of the family, and its contract.</summary>
public sealed class VitGraphTests
{
    private static readonly VitArchitecture s_small = new() { ImageSize = 16, PatchSize = 4, Dim = 24, Depth = 2, Heads = 3, MlpDim = 96 };

    public static TheoryData<string> Architectures => [.. s_architectures.Keys];

    private static readonly Dictionary<string, VitArchitecture> s_architectures = new()
    {
        ["class token"] = s_small,
        ["one block"] = s_small with { Depth = 1 },
        ["one head"] = s_small with { Heads = 1 },
        ["a head per channel"] = s_small with { Heads = 24 },
        ["patch 14"] = s_small with { ImageSize = 42, PatchSize = 14 },
        ["one patch"] = s_small with { ImageSize = 4 },
        ["MLP ratio of ViT-g, 48/11"] = s_small with { Dim = 22, Heads = 2, MlpDim = 96 },
        ["narrow MLP"] = s_small with { MlpDim = 10 },
        ["no qkv bias"] = s_small with { QkvBias = false },
        ["epsilon that shows"] = s_small with { LayerNormEpsilon = 0.05f },
        ["average, norm after pooling"] = s_small with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling },
        ["average, norm before pooling"] = s_small with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.BeforePooling },
        ["average beside a class token"] = s_small with { Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling },
    };

    [Theory]
    [MemberData(nameof(Architectures))]
    public void ImportedModel_ComputesWhatTheNaiveTwinDoes(string name)
    {
        RandomVit vit = new(s_architectures[name]);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, vit.Architecture.Heads);
        AssertSameExceptEpsilon(vit.Architecture, package.Architecture);
        using BaseRun run = new(package);
        foreach (int batch in (int[])[1, 3])
        {
            float[] pixels = vit.Pixels(batch);
            Closeness.AssertWithin(1e-5, new NaiveVit(vit).Features(pixels), run.Features(pixels));
        }
    }

    [Fact]
    public void ClassTokenWithoutPosition_ComputesWhatTheNaiveTwinDoes()
    {
        RandomVit vit = new(s_small, classTokenHasPosition: false);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, heads: 3);
        using BaseRun run = new(package);
        Closeness.AssertWithin(1e-5, new NaiveVit(vit).Features(vit.Pixels(2)), run.Features(vit.Pixels(2)));
    }

    [Fact]
    public void NoFinalNorm_WhichTimmsConfigurationSays_ComputesWhatTheNaiveTwinDoes()
    {
        RandomVit vit = new(s_small with { FinalNorm = VitFinalNorm.None });
        using TemporaryFolder folder = new();
        RandomVit.Save(folder["timm", "model.safetensors"], vit.Timm());
        File.WriteAllText(folder["timm", "config.json"], """{"architecture":"vit_small","model_args":{"num_heads":3,"final_norm":false}}""");
        Importing.Import(folder["timm"], folder["base"]);
        using BasePackage package = BasePackage.Open(folder["base"]);
        Assert.Equal(VitFinalNorm.None, package.Architecture.FinalNorm);
        using BaseRun run = new(package);
        Closeness.AssertWithin(1e-5, new NaiveVit(vit).Features(vit.Pixels(2)), run.Features(vit.Pixels(2)));
    }

    [Fact]
    public void EveryAdaptableLinear_TakesTheWeightThatIsGiven()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, heads: 3, AdaptableSet.All);
        Assert.Equal(2 * 6, package.AdaptableLinears.Count);
        using BaseRun run = new(package);
        float[] pixels = vit.Pixels(1);
        string[] neutral = ["q", "k", "v", "o", "fc1", "fc2"];
        foreach (LinearId id in package.AdaptableLinears)
        {
            // Negate one weight in the graph's inputs and in the twin: only the right matrix, the right way round, agrees.
            (long[] shape, float[] values) = vit.Weights[$"{id.Layer}.{neutral[(int)id.Linear]}.weight"];
            float[] negated = [.. values.Select(v => -v)];
            vit.Weights[$"{id.Layer}.{neutral[(int)id.Linear]}.weight"] = (shape, negated);
            float[] identity = new float[24 * 24];
            for (int i = 0; i < 24; i++) identity[i * 25] = 1;
            float[] ours = run.Logits(pixels, identity, new float[24], other =>
                other == id ? BaseRun.Transposed(negated, (int)shape[0]) : package.Weights[$"{other}.weight"].ToSingles());
            Closeness.AssertWithin(1e-5, new NaiveVit(vit).Features(pixels), ours);
            Assert.True(Closeness.Difference(ours, run.Features(pixels)) > 1e-3, $"{id} does not matter");
            vit.Weights[$"{id.Layer}.{neutral[(int)id.Linear]}.weight"] = (shape, values);
        }
    }

    [Fact]
    public void Graph_HasTheInputsAndOutputsOfTheContract()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, heads: 3);
        using BaseRun run = new(package);
        Assert.Equal(
            [
                "pixel_values F32 [batch,3,16,16]",
                "layers.0.query.weight F32 [24,24]", "layers.0.value.weight F32 [24,24]",
                "layers.1.query.weight F32 [24,24]", "layers.1.value.weight F32 [24,24]",
                "head.weight F32 [24,classes]", "head.bias F32 [classes]",
            ],
            run.Session.Inputs.Select(Describe));
        Assert.Equal(["logits F32 [batch,classes]"], run.Session.Outputs.Select(Describe));

        static string Describe(OrtPort port) => $"{port.Name} {port.Info.Type} [{string.Join(',', port.Info.Dimensions.Zip(port.Info.SymbolicDimensions, (size, name) => name.Length > 0 ? name : $"{size}"))}]";
    }

    [Fact]
    public void HeadOfAnySize_BindsToTheSameGraph()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, heads: 3);
        using BaseRun run = new(package);
        float[] features = run.Features(vit.Pixels(1));
        foreach (int classes in (int[])[1, 2, 5])
        {
            float[] weight = [.. Enumerable.Range(0, 24 * classes).Select(i => MathF.Sin(i))], bias = [.. Enumerable.Range(0, classes).Select(i => (float)i)];
            float[] expected = [.. Enumerable.Range(0, classes).Select(c => bias[c] + (float)Enumerable.Range(0, 24).Sum(d => (double)features[d] * weight[(d * classes) + c]))];
            Closeness.AssertWithin(1e-5, expected, run.Logits(vit.Pixels(1), weight, bias));
        }
    }

    [Fact]
    public void ConstantWeights_GiveTheSameLogitsAsInputs()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, heads: 3);
        using BaseRun run = new(package);
        GraphBuilder constant = VitGraph.Build(package.Architecture, package.Weights, []);
        string path = Path.Combine(package.Folder, "constant.onnx");
        OnnxWriter.Write(constant, path);
        using OrtSessionOptions options = new();
        using OrtSession session = OrtSession.Create(path, options);
        Assert.Equal(["pixel_values", "head.weight", "head.bias"], session.Inputs.Select(i => i.Name));
        float[] weight = [.. Enumerable.Range(0, 48).Select(i => MathF.Cos(i))], bias = [1, 2];
        using OrtValue pixels = OrtValue.FromArray(vit.Pixels(1), [1, 3, 16, 16]), w = OrtValue.FromArray(weight, [24, 2]), b = OrtValue.FromArray(bias, [2]);
        using OrtValue logits = session.Run([pixels, w, b])[0];
        Closeness.AssertWithin(1e-6, run.Logits(vit.Pixels(1), weight, bias), logits.AsSpan<float>());
    }

    [Fact]
    public void LastBlock_ComputesOnlyTheClassToken()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, heads: 3);
        GraphBuilder graph = VitGraph.Build(package.Architecture, package.Weights, package.AdaptableLinears);
        Assert.Equal("[batch,17,96]", Dimension.Text(graph["layers.0.fc1"].Shape));
        Assert.Equal("[batch,1,96]", Dimension.Text(graph["layers.1.fc1"].Shape));
        Assert.Equal("[batch,17,24]", Dimension.Text(graph["layers.1.key"].Shape));
    }

    private static BasePackage Import(TemporaryFolder folder, RandomVit vit, int heads, AdaptableSet adapt = AdaptableSet.QueryValue)
    {
        VitArchitecture architecture = vit.Architecture;
        bool viaHuggingFace = architecture.LayerNormEpsilon != VitArchitecture.TimmLayerNormEpsilon;
        string checkpoint = folder["checkpoint.safetensors"];
        if (viaHuggingFace)
        {
            // Only a configuration can give another epsilon.
            checkpoint = folder["hf"];
            RandomVit.Save(folder["hf", "model.safetensors"], vit.HuggingFace());
            File.WriteAllText(folder["hf", "config.json"], vit.HuggingFaceConfig().ToJsonString());
        }
        else
        {
            RandomVit.Save(checkpoint, vit.Timm());
        }
        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = heads, Adapt = adapt });
        return BasePackage.Open(folder["base"]);
    }

    private static void AssertSameExceptEpsilon(VitArchitecture expected, VitArchitecture found)
    {
        Assert.Equal(expected.LayerNormEpsilon, found.LayerNormEpsilon, 1e-9);
        Assert.Equal(expected, found with { LayerNormEpsilon = expected.LayerNormEpsilon });
    }
}
