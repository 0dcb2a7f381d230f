using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;

namespace MeLo.Edge.Tests.Models;

/// <summary>Attention rollout on the processor: what the paper's own matrices give, for every kind of model and adapter.</summary>
public sealed class RolloutGraphTests
{
    private static readonly VitArchitecture s_small = new() { ImageSize = 16, PatchSize = 4, Dim = 24, Depth = 3, Heads = 3, MlpDim = 96 };

    private static readonly Dictionary<string, VitArchitecture> s_architectures = new()
    {
        ["class token"] = s_small,
        ["one block"] = s_small with { Depth = 1 },
        ["one patch"] = s_small with { ImageSize = 4 },
        ["no qkv bias"] = s_small with { QkvBias = false },
        ["average, no class token"] = s_small with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling },
        ["average of one patch"] = s_small with { ImageSize = 4, HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling },
        ["average beside a class token"] = s_small with { Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling },
    };

    public static TheoryData<string> Architectures => [.. s_architectures.Keys];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Shares_AreThoseOfThePapersMatrices_AndAddUpToOne(string name)
    {
        RandomVit vit = new(s_architectures[name]);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit);
        using RolloutModel model = new(package, SessionThreads.Of(2), beside: null);
        List<float[]> found = [];
        foreach (LoraAdapter adapter in MixedTasks.Every(vit.Architecture))
        {
            for (int image = 0; image < 2; image++)
            {
                float[] pixels = vit.Pixels(1, 20 + image);
                using RolloutWeights weights = model.Merge(adapter);
                float[] shares = model.Run(weights, pixels, TestContext.Current.CancellationToken);
                Assert.Equal(vit.Architecture.Tokens, shares.Length);
                Assert.Equal(1, shares.Sum(s => (double)s), 1e-5);
                double[] expected = new NaiveRollout(vit, adapter).Shares(pixels);
                for (int t = 0; t < shares.Length; t++) Assert.Equal(expected[t], shares[t], 2e-6);
                found.Add(shares);
            }
        }
        if (vit.Architecture.Tokens == 1) return; // all of everything is that token's
        for (int i = 0; i < found.Count; i++)
            for (int j = 0; j < i; j++) Assert.True(found[i].Zip(found[j], (a, b) => Math.Abs(a - b)).Max() > 1e-5 || IsBlindToTheValues(vit, i, j), $"{i} and {j} are alike");
    }

    [Fact]
    public void Graph_HasNoHead_AndOfTheLastBlockOnlyWhatAsks()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit);
        GraphBuilder graph = VitGraph.BuildRollout(package.Architecture, package.Weights, package.AdaptableLinears);
        Assert.Equal([VitGraph.RolloutShares], graph.Outputs.Select(o => o.Name));
        Assert.Equal(
            package.AdaptableLinears.Where(id => id.Layer < 2 || id.Linear is VitLinear.Query or VitLinear.Key).Select(CanonicalWeights.LinearWeight).Append(VitGraph.PixelValues).Order(StringComparer.Ordinal),
            graph.Inputs.Select(i => i.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void GraphThatAnswers_HasNothingOfIt()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit);
        GraphBuilder graph = VitGraph.Build(package.Architecture, package.Weights, package.AdaptableLinears);
        Assert.Equal([VitGraph.Logits], graph.Outputs.Select(o => o.Name));
        Assert.DoesNotContain(graph.Nodes, n => n.Name.Contains("rollout", StringComparison.Ordinal) || n.Name.EndsWith(".attention", StringComparison.Ordinal));
    }

    // With one block nothing but queries and keys has a part: adapters that leave them alone show the same, image by image.
    private static bool IsBlindToTheValues(RandomVit vit, int i, int j) => vit.Architecture.Depth == 1 && i % 2 == j % 2;

    private static BasePackage Import(TemporaryFolder folder, RandomVit vit) => MixedGraphTests.Import(folder, vit, AdaptableSet.All);
}
