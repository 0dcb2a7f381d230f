using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Models;

/// <summary>Mixed batches on the processor: every image gets what its own task's merged weights give it.</summary>
public sealed class MixedGraphTests
{
    private static readonly VitArchitecture s_small = new() { ImageSize = 16, PatchSize = 4, Dim = 24, Depth = 2, Heads = 3, MlpDim = 96 };

    private static readonly Dictionary<string, VitArchitecture> s_architectures = new()
    {
        ["class token"] = s_small,
        ["one block"] = s_small with { Depth = 1 },
        ["one patch"] = s_small with { ImageSize = 4 },
        ["width of no four"] = s_small with { Dim = 22, Heads = 2, MlpDim = 70 },
        ["no qkv bias"] = s_small with { QkvBias = false },
        ["average, no class token"] = s_small with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling },
        ["average beside a class token"] = s_small with { Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling },
    };

    public static TheoryData<string> Architectures => [.. s_architectures.Keys];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void EveryMix_GivesEachImageTheLogitsOfItsOwnTask(string name)
    {
        RandomVit vit = new(s_architectures[name]);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.All);
        using BaseRun merged = new(package);
        using MixedRun mixed = new(package);
        LoraAdapter[] adapters = MixedTasks.Every(vit.Architecture);
        Random random = new(11);
        for (int batch = 1; batch <= 8; batch++)
        {
            float[][] images = Images(vit.Pixels(batch, batch), batch);
            int[] tasks = [.. images.Select(_ => random.Next(adapters.Length))];
            float[][] logits = mixed.Logits([.. images.SelectMany(i => i)], adapters, tasks);
            for (int i = 0; i < batch; i++)
            {
                Closeness.AssertWithin(1e-5, merged.Logits(images[i], adapters[tasks[i]]), logits[i]);
                Closeness.AssertWithin(1e-5, new NaiveAdaptedVit(vit, adapters[tasks[i]]).Logits(images[i]), logits[i]);
            }
        }
    }

    [Fact]
    public void BaseOfQueryAndValue_MixesItsTasks()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.QueryValue);
        using BaseRun merged = new(package);
        using MixedRun mixed = new(package);
        LoraAdapter[] adapters =
        [
            MixedTasks.Adapter(vit.Architecture, seed: 1, rank: 4, classes: 2, scale: 1, VitLinear.Query, VitLinear.Value),
            MixedTasks.Adapter(vit.Architecture, seed: 2, rank: 7, classes: 9, scale: 3, VitLinear.Query, VitLinear.Value),
        ];
        float[][] images = Images(vit.Pixels(3), 3);
        float[][] logits = mixed.Logits(vit.Pixels(3), adapters, 1, 0, 1);
        Closeness.AssertWithin(1e-5, merged.Logits(images[0], adapters[1]), logits[0]);
        Closeness.AssertWithin(1e-5, merged.Logits(images[1], adapters[0]), logits[1]);
        Closeness.AssertWithin(1e-5, merged.Logits(images[2], adapters[1]), logits[2]);
    }

    [Fact]
    public void Fp16_GivesEachImageTheLogitsOfItsOwnTask_AsCloseAsMergedFp16Does()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.All, Precision.Fp16);
        using BaseRun merged = new(package, Precision.Fp16);
        using MixedRun mixed = new(package, precision: Precision.Fp16);
        Assert.All(mixed.Session.Inputs.Where(i => i.Name.StartsWith("layers.", StringComparison.Ordinal)), i => Assert.Equal(ElementType.F16, i.Info.Type));
        LoraAdapter[] adapters = MixedTasks.Every(vit.Architecture);
        float[][] images = Images(vit.Pixels(4), 4), logits = mixed.Logits(vit.Pixels(4), adapters, 2, 0, 3, 1);
        int[] tasks = [2, 0, 3, 1];
        for (int i = 0; i < 4; i++)
        {
            float[] exact = new NaiveAdaptedVit(vit, adapters[tasks[i]]).Logits(images[i]);
            Assert.InRange(Closeness.Difference(exact, merged.Logits(images[i], adapters[tasks[i]])), 1e-7, 0.01);
            Assert.InRange(Closeness.Difference(exact, logits[i]), 1e-7, 0.01);
        }
    }

    [Fact]
    public void EveryPartOfATask_ReachesItsImagesOnly()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.All);
        using MixedRun mixed = new(package);
        LoraAdapter[] adapters = [.. Enumerable.Range(1, 2).Select(seed => MixedTasks.Adapter(vit.Architecture, seed, rank: 4, classes: 2, scale: 1, [.. VitLinears.All]))];
        float[] pixels = vit.Pixels(2);
        float[][] before = mixed.Logits(pixels, adapters, 0, 1);
        foreach (LinearId id in package.AdaptableLinears)
        {
            LoraPair[] pairs = [.. adapters[1].Pairs.Select(p => p.Target == id ? new LoraPair(p.Target, p.Rank, p.InFeatures, p.OutFeatures, p.A, [.. p.B.Select(v => -v)]) : p)];
            float[][] after = mixed.Logits(pixels, [adapters[0], new LoraAdapter(1, pairs, adapters[1].Head)], 0, 1);
            Assert.Equal(before[0], after[0]);
            Assert.True(Closeness.Difference(before[1], after[1]) > 1e-4, $"{id} does not matter");
        }
    }

    [Fact]
    public void Graph_HasTheInputsAndOutputsOfTheContract()
    {
        RandomVit vit = new(s_small with { Depth = 1 });
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.QueryValue);
        using MixedRun run = new(package);
        Assert.Equal(
            [
                "head.bias F32 [tasks_count,classes]", "head.weight F32 [tasks_count,24,classes]",
                "layers.0.query.lora_a F32 [tasks_count,24,rank]", "layers.0.query.lora_b F32 [tasks_count,rank,24]", "layers.0.query.weight F32 [24,24]",
                "layers.0.value.lora_a F32 [tasks_count,24,rank]", "layers.0.value.lora_b F32 [tasks_count,rank,24]", "layers.0.value.weight F32 [24,24]",
                "pixel_values F32 [batch,3,16,16]", "tasks I32 [batch]",
            ],
            run.Session.Inputs.Select(Describe).Order(StringComparer.Ordinal));
        Assert.Equal(["logits F32 [batch,classes]"], run.Session.Outputs.Select(Describe));

        static string Describe(OrtPort port) => $"{port.Name} {port.Info.Type} [{string.Join(',', port.Info.Dimensions.Zip(port.Info.SymbolicDimensions, (size, name) => name.Length > 0 ? name : $"{size}"))}]";
    }

    [Fact]
    public void Constants_AreThoseOfTheMergedGraph()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.QueryValue);
        GraphBuilder merged = VitGraph.Build(package.Architecture, package.Weights, package.AdaptableLinears);
        GraphBuilder mixed = VitGraph.BuildMixed(package.Architecture, package.Weights, package.AdaptableLinears);
        Assert.Equal(External(merged), External(mixed));

        static IEnumerable<(string, InitializerData)> External(GraphBuilder graph) =>
            graph.Initializers.Where(i => i.Initializer is InitializerData.External).Select(i => (i.Name, i.Initializer!)).OrderBy(i => i.Name, StringComparer.Ordinal);
    }

    [Fact]
    public void LastBlock_AsksForOneTokenOnly()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.All);
        GraphBuilder graph = VitGraph.BuildMixed(package.Architecture, package.Weights, package.AdaptableLinears);
        Assert.Equal("[batch,17,rank]", Dimension.Text(graph["layers.0.query.down"].Shape));
        Assert.Equal("[batch,1,rank]", Dimension.Text(graph["layers.1.query.down"].Shape));
        Assert.Equal("[batch,17,rank]", Dimension.Text(graph["layers.1.value.down"].Shape));
        Assert.Equal("[batch,1,96]", Dimension.Text(graph["layers.1.fc1.up"].Shape));
    }

    [Fact]
    public void ReadOnlyBaseFolder_IsAllThatTheGraphNeeds_AndStaysAsItIs()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.All);
        LoraAdapter[] adapters = MixedTasks.Every(vit.Architecture);
        string[] before = Entries(package.Folder);
        SetWritable(package.Folder, writable: false);
        try
        {
            using MixedRun mixed = new(package);
            Closeness.AssertWithin(1e-5, new NaiveAdaptedVit(vit, adapters[1]).Logits(vit.Pixels(1)), mixed.Logits(vit.Pixels(1), adapters, 1)[0]);
        }
        finally
        {
            SetWritable(package.Folder, writable: true);
        }
        // The superuser may write everywhere: that it did not shows here.
        Assert.Equal(before, Entries(package.Folder));

        static string[] Entries(string path) => [.. Directory.GetFileSystemEntries(path).Order(StringComparer.Ordinal).Select(e => $"{e} {new FileInfo(e).Length} {File.GetLastWriteTimeUtc(e):O}")];

        static void SetWritable(string path, bool writable)
        {
            foreach (string file in Directory.GetFiles(path)) new FileInfo(file).IsReadOnly = !writable;
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute | (writable ? UnixFileMode.UserWrite : UnixFileMode.None));
        }
    }

    [Fact]
    public void SessionThatIsNotToldTheFolder_IsRefused()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.QueryValue);
        using OrtSessionOptions options = new();
        byte[] model = OnnxWriter.ToBytes(VitGraph.BuildMixed(package.Architecture, package.Weights, package.AdaptableLinears));
        Assert.Throws<OrtException>(() => OrtSession.Create(model, options));
    }

    [Fact]
    public void TaskThatIsNotInTheStacks_IsRefused()
    {
        RandomVit vit = new(s_small);
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, vit, AdaptableSet.All);
        using MixedRun mixed = new(package);
        Assert.Contains("indices", Assert.Throws<OrtException>(() => mixed.Logits(vit.Pixels(1), MixedTasks.Every(vit.Architecture), 4)).Message, StringComparison.Ordinal);
    }

    /// <summary>The images of a batch, each in an array of its own.</summary>
    internal static float[][] Images(float[] pixels, int count) => pixels.Chunk(pixels.Length / count).ToArray();

    internal static BasePackage Import(TemporaryFolder folder, RandomVit vit, AdaptableSet adapt, params Precision[] precisions)
    {
        string checkpoint = RandomVit.Save(folder["checkpoint.safetensors"], vit.Timm());
        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = vit.Architecture.Heads, Adapt = adapt, Precisions = precisions.Length > 0 ? precisions : [Precision.Fp32] });
        return BasePackage.Open(folder["base"]);
    }
}
