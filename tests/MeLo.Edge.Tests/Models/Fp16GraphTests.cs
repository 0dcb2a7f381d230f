using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>The fp16 graph against what the real PyTorch code computes in binary32 (shared/golden), by this processor and by twins of devices that round.</summary>
public sealed class Fp16GraphTests
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 16, PatchSize = 4, Dim = 24, Depth = 2, Heads = 3, MlpDim = 96 };

    // The processor keeps binary32 between most operators; a device of the first kind rounds after each; one of the second adds up in binary16 besides.
    [Theory]
    [MemberData(nameof(Golden.Sets), MemberType = typeof(Golden))]
    public void Golden_IsWithinTheTolerance_OnTheProcessorAndOnDevicesThatRound(string set, string adapter)
    {
        using Golden golden = new(set, adapter);
        double cpu = Difference(golden.OnProcessor()), rounding = Difference(golden.On(HalfArithmetic.Single)), adding = Difference(golden.On(HalfArithmetic.Sums | HalfArithmetic.Norms));
        TestContext.Current.TestOutputHelper?.WriteLine($"{set} {adapter}: {cpu:E2} on the processor, {rounding:E2} and {adding:E2} on the devices");
        Assert.InRange(cpu, 1e-5, 0.02);
        Assert.InRange(rounding, 1e-5, 0.02);
        Assert.InRange(adding, 1e-5, 0.03); // 0.018 at most on one machine; pack allows 0.05 at least

        double Difference(float[] logits) => Closeness.Difference(golden.Expected, logits);
    }

    [Fact]
    public void SoftmaxInBinary32_IsWorthItsCasts()
    {
        using Golden golden = new("tiny", "imagenet");
        double single = Closeness.RootMeanSquare(golden.Expected, golden.On(HalfArithmetic.Single)), half = Closeness.RootMeanSquare(golden.Expected, golden.On(HalfArithmetic.Softmax));
        Assert.True(half > 2 * single, $"differs by {single:E2} with it, by {half:E2} without");
    }

    [Fact]
    public void EveryShapeOfTheFamily_IsCloseToTheNaiveTwin()
    {
        VitArchitecture[] shapes =
        [
            s_vit, s_vit with { Depth = 1 }, s_vit with { QkvBias = false }, s_vit with { FinalNorm = VitFinalNorm.None },
            s_vit with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling },
            s_vit with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.BeforePooling },
            s_vit with { Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling },
        ];
        foreach (VitArchitecture shape in shapes)
        {
            RandomVit vit = new(shape);
            using TemporaryFolder folder = new();
            float[] exact = new NaiveVit(vit).Features(vit.Pixels(2)), found = Features(vit, folder, vit.Pixels(2));
            Assert.InRange(Closeness.Difference(exact, found), 1e-6, 0.01);
        }
    }

    [Fact]
    public void Graph_HasTheInputsOfTheContract_TheMatricesHalf_AndNothingElse()
    {
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, new RandomVit(s_vit), Precision.Fp32, Precision.Fp16);
        using OrtSessionOptions options = new();
        using OrtSession session = OrtSession.Create(package.GraphPath(Precision.Fp16), options);
        Assert.Equal(
            [
                "pixel_values F32", "layers.0.query.weight F16", "layers.0.value.weight F16", "layers.1.query.weight F16", "layers.1.value.weight F16", "head.weight F32", "head.bias F32",
            ],
            session.Inputs.Select(i => $"{i.Name} {i.Info.Type}"));
        Assert.Equal(["logits F32"], session.Outputs.Select(o => $"{o.Name} {o.Info.Type}"));
    }

    [Fact]
    public void BetweenPixelsAndPooling_AllIsHalf_ButTheSoftmax()
    {
        using TemporaryFolder folder = new();
        using BasePackage package = Import(folder, new RandomVit(s_vit), Precision.Fp16);
        using SafetensorsFile rounded = SafetensorsFile.Open(Path.Combine(package.Folder, "weights.fp16.safetensors"));
        GraphBuilder graph = VitGraph.BuildFp16(package.Architecture, package.Weights, package.AdaptableLinears, rounded);
        foreach (GraphNode node in graph.Nodes)
        {
            bool single = node.Name.StartsWith("pooling", StringComparison.Ordinal) || node.Name == VitGraph.Logits || node.OperatorType == "Softmax"
                || (node.OperatorType == "Cast" && node.Outputs[0].Type == ElementType.F32);
            Assert.Equal(single ? ElementType.F32 : ElementType.F16, node.Output.Type);
        }
        // The queries are scaled before they meet the keys, whose products could be beyond what binary16 holds.
        Assert.All(graph.Nodes.Where(n => n.OperatorType == "Softmax"), softmax =>
        {
            GraphNode scores = softmax.Inputs[0]!.Producer!.Inputs[0]!.Producer!;
            Assert.Equal(("MatMul", "Mul"), (scores.OperatorType, scores.Inputs[0]!.Producer!.OperatorType));
        });
        // Pixels once, the softmax's inputs and outputs, what is pooled.
        Assert.Equal(1 + (2 * s_vit.Depth) + 1, graph.Nodes.Count(n => n.OperatorType == "Cast"));
    }

    [Fact]
    public void OwnWeights_AreTheCanonicalOnesRoundedOnce_WithoutThoseThatTasksChange()
    {
        using TemporaryFolder folder = new();
        RandomVit vit = new(s_vit);
        foreach ((_, float[] values) in vit.Weights.Values)
            for (int i = 0; i < values.Length; i++) values[i] *= 1.0009f; // not what binary16 holds
        using BasePackage package = Import(folder, vit, Precision.Fp32, Precision.Fp16);
        using SafetensorsFile own = SafetensorsFile.Open(Path.Combine(package.Folder, "weights.fp16.safetensors"));
        string[] absent = ["norm.weight", "norm.bias", .. package.AdaptableLinears.Select(CanonicalWeights.LinearWeight)];
        Assert.Equal(CanonicalWeights.Of(s_vit).Select(w => w.Name).Except(absent), own.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, TensorView tensor) in own.Tensors)
        {
            Assert.Equal(ElementType.F16, tensor.Type);
            Assert.Equal(package.Weights[name].Shape, tensor.Shape);
            float[] exact = package.Weights[name].ToSingles();
            Assert.Equal(exact.Select(v => (float)(Half)v), tensor.ToSingles());
            Assert.NotEqual(exact, tensor.ToSingles());
        }
    }

    [Fact]
    public void ImportInEveryPrecision_KeepsTheBaseDigest_AndGivesTheSameBytesEachTime()
    {
        using TemporaryFolder one = new(), two = new(), three = new();
        RandomVit vit = new(s_vit);
        using BasePackage plain = Import(one, vit), every = Import(two, vit, Precision.Fp32, Precision.Fp16, Precision.Int8), again = Import(three, vit, Precision.Int8, Precision.Fp16);
        Assert.Equal((plain.Digest, plain.Digest), (every.Digest, again.Digest));
        Assert.Equal([Precision.Fp32, Precision.Fp16, Precision.Int8], every.Precisions); // the most exact first
        Assert.Equal([Precision.Fp16, Precision.Int8], again.Precisions);
        Assert.Equal(
            ["base.json", "model.fp16.onnx", "model.fp32.onnx", "model.int8.onnx", "weights.fp16.safetensors", "weights.int8.safetensors", "weights.safetensors"],
            Directory.GetFiles(every.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (string file in (string[])["model.fp16.onnx", "weights.fp16.safetensors", "model.int8.onnx", "weights.int8.safetensors"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(every.Folder, file)), File.ReadAllBytes(Path.Combine(again.Folder, file)));
    }

    [Theory]
    [InlineData("0.fc2.weight", 65504f, true)]
    [InlineData("0.fc2.weight", -65505f, false)]
    [InlineData("1.q.weight", 70000f, false)] // an input of the graph: rounded by the device
    [InlineData("1.n2.bias", 1e10f, false)]
    [InlineData("norm.weight", 70000f, true)] // binary32 in the graph
    public void WeightBeyondWhatFp16Holds_IsRefused_AndNothingIsLeft(string weight, float value, bool fits)
    {
        using TemporaryFolder folder = new();
        RandomVit vit = new(s_vit);
        vit.Weights[weight].Values[3] = value;
        if (fits)
        {
            Import(folder, vit, Precision.Fp16).Dispose();
            return;
        }
        ModelException refused = Assert.Throws<ModelException>(() => Import(folder, vit, Precision.Fp32, Precision.Fp16));
        Assert.Contains(FormattableString.Invariant($"precision: found {value} in 'layers.{weight[0]}."), refused.Message, StringComparison.Ordinal);
        Assert.Contains("expected at most 65504 in magnitude", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["checkpoint.safetensors"], Directory.GetFileSystemEntries(folder.Root).Select(Path.GetFileName));
        Import(folder, vit).Dispose(); // in fp32 there is nothing wrong with it
    }

    [Fact]
    public void WeightsFile_EndsWhereItIsCancelled()
    {
        using TemporaryFolder folder = new();
        using CancellationTokenSource cancel = new();
        string checkpoint = RandomVit.Save(folder["checkpoint.safetensors"], new RandomVit(s_vit).Timm());
        using SafetensorsFile weights = Written(folder, checkpoint);
        cancel.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => HalfWeightsFile.Write(folder["half.safetensors"], s_vit, weights, [], cancel.Token));
    }

    [Fact]
    public void TwinOfADevice_RoundsAfterEveryOperator()
    {
        // x·y·z in binary16, for numbers whose products are not: what is rounded once differs from what is rounded after each.
        GraphBuilder graph = new("rounding");
        GraphValue x = graph.Input("x", ElementType.F32, 1), half = graph.Cast(x, ElementType.F16);
        graph.Output(graph.Cast(graph.Mul(graph.Mul(half, half), half), ElementType.F32, "y"));
        using OrtSession session = HalfDevice.Session(graph, "", HalfArithmetic.Single);
        foreach (float value in (float[])[1.1f, 1.37f, 2.9f, 0.123f, 3e-3f, 50, 300])
        {
            using OrtValue input = OrtValue.FromArray([value], [1]), output = session.Run([input])[0];
            float rounded = (float)(Half)value, square = (float)(Half)(rounded * rounded);
            Assert.Equal((float)(Half)(square * rounded), output.AsSpan<float>()[0]);
        }
    }

    private static SafetensorsFile Written(TemporaryFolder folder, string checkpoint)
    {
        Importing.Import(checkpoint, folder["plain"], new BaseImportOptions { Heads = 3 });
        return SafetensorsFile.Open(Path.Combine(folder["plain"], "weights.safetensors"));
    }

    private static BasePackage Import(TemporaryFolder folder, RandomVit vit, params Precision[] precisions)
    {
        // Only a configuration can say that there is no final norm.
        string checkpoint = folder["checkpoint.safetensors"];
        if (vit.Architecture.FinalNorm == VitFinalNorm.None)
        {
            checkpoint = folder["timm"];
            RandomVit.Save(folder["timm", "model.safetensors"], vit.Timm());
            File.WriteAllText(folder["timm", "config.json"], """{"architecture":"vit_small","model_args":{"num_heads":3,"final_norm":false}}""");
        }
        else
        {
            RandomVit.Save(checkpoint, vit.Timm());
        }
        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = 3, Precisions = precisions.Length > 0 ? precisions : [Precision.Fp32] });
        return BasePackage.Open(folder["base"]);
    }

    private static float[] Features(RandomVit vit, TemporaryFolder folder, float[] pixels)
    {
        using BasePackage package = Import(folder, vit, Precision.Fp16);
        using BaseRun run = new(package, Precision.Fp16);
        return run.Features(pixels);
    }
}
