using System.Security.Cryptography;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Onnx;
using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Tests.Gradients;

namespace MeLo.Edge.Training.Tests.Graphs;

/// <summary>The graphs of training: their gradients end to end, what they contain and what not.</summary>
public sealed class TrainingGraphTests
{
    private static readonly VitArchitecture s_small = new() { ImageSize = 8, PatchSize = 4, Dim = 12, Depth = 2, Heads = 2, MlpDim = 20 };

    private static readonly TrainingGraphOptions s_lora = new() { Mode = TrainingMode.Lora, Rank = 3, Alpha = 6, Classes = 3 };

    private static readonly Dictionary<string, (VitArchitecture Vit, TrainingGraphOptions Options)> s_cases = new()
    {
        ["lora"] = (s_small, s_lora),
        ["lora, every linear"] = (s_small, s_lora with { Targets = VitLinears.All }),
        ["lora, fc2 alone, labels"] = (s_small, s_lora with { Targets = [VitLinear.Fc2], Loss = LossKind.BinaryCrossEntropy }),
        ["lora, slices"] = (s_small, s_lora with { Slices = 2 }),
        ["full"] = (s_small, s_lora with { Mode = TrainingMode.Full }),
        ["full, labels, slices"] = (s_small, s_lora with { Mode = TrainingMode.Full, Loss = LossKind.BinaryCrossEntropy, Slices = 3 }),
        ["full, average pooling"] = (s_small with { HasClassToken = false, Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling }, s_lora with { Mode = TrainingMode.Full }),
        ["full, average pooling beside a class token"] = (s_small with { Pooling = VitPooling.Average, FinalNorm = VitFinalNorm.AfterPooling }, s_lora with { Mode = TrainingMode.Full }),
        ["full, no qkv bias, one block"] = (s_small with { QkvBias = false, Depth = 1 }, s_lora with { Mode = TrainingMode.Full }),
        ["head"] = (s_small, s_lora with { Mode = TrainingMode.Head }),
        ["head, labels, slices"] = (s_small, s_lora with { Mode = TrainingMode.Head, Loss = LossKind.BinaryCrossEntropy, Slices = 2 }),
    };

    public static TheoryData<string> Cases => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Step_GivesTheLimitsOfDifferences_OfEveryParameter(string name)
    {
        (VitArchitecture vit, TrainingGraphOptions options) = s_cases[name];
        using TrainingBase origin = TrainingBase.Random(vit);
        TrainingGraph graph = origin.Graph(options);
        Dictionary<string, DoubleTensor> inputs = origin.Inputs(graph, options, batch: 2);
        // The key's bias moves every score of a query alike, which softmax does not see: its gradient is zero.
        GradientAssert.AreTheLimitsOfDifferences(
            graph.Step, TrainingGraph.Loss, inputs, graph.Parameters.Where(p => !p.Name.EndsWith("key.bias", StringComparison.Ordinal)).Select(p => (p.Name, p.GradientName)), most: 4, origin.Weights);
        GradientAssert.TheRuntimeAgrees(graph.Step, inputs, tolerance: 1e-4, origin.Folder, origin.Weights, except: name => name.EndsWith("key.bias.gradient", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Evaluation_GivesTheLogitsOfTheStep(string name)
    {
        (VitArchitecture vit, TrainingGraphOptions options) = s_cases[name];
        using TrainingBase origin = TrainingBase.Random(vit);
        TrainingGraph graph = origin.Graph(options);
        Dictionary<string, DoubleTensor> inputs = origin.Inputs(graph, options, batch: 3);
        using RuntimeGraph step = new(graph.Step, origin.Folder), evaluation = new(graph.Evaluation, origin.Folder);
        float[] logits = evaluation.Run(inputs)[TrainingGraph.Logits];
        GradientAssert.AreClose("logits", [.. step.Run(inputs)[TrainingGraph.Logits].Select(v => (double)v)], logits, 1e-6);
        Assert.Equal(3 * options.Classes, logits.Length);
    }

    [Fact]
    public void Step_HasTheInputsAndOutputsOfTheContract()
    {
        using TrainingBase origin = TrainingBase.Random(s_small with { Depth = 1 });
        TrainingGraph graph = origin.Graph(s_lora with { Loss = LossKind.BinaryCrossEntropy, Slices = 2 });
        Assert.Equal(
            [
                "pixel_values [images,3,8,8]", "layers.0.query.lora_a [12,3]", "layers.0.query.lora_b [3,12]", "layers.0.value.lora_a [12,3]", "layers.0.value.lora_b [3,12]",
                "head.weight [12,3]", "head.bias [3]", "positive_weights [batch,3]", "negative_weights [batch,3]",
            ],
            graph.Step.Inputs.Select(i => $"{i}"));
        Assert.Equal(
            [
                "loss []", "logits [batch,3]", "layers.0.query.lora_a.gradient [12,3]", "layers.0.query.lora_b.gradient [3,12]",
                "layers.0.value.lora_a.gradient [12,3]", "layers.0.value.lora_b.gradient [3,12]", "head.weight.gradient [12,3]", "head.bias.gradient [3]",
            ],
            graph.Step.Outputs.Select(o => $"{o}"));
        Assert.Equal(graph.Parameters.Select(p => $"{p.Name} [{string.Join(',', p.Shape)}]"), graph.Step.Inputs.Skip(1).Take(6).Select(i => $"{i}"));
        Assert.Null(graph.Features);
    }

    [Fact]
    public void FullStep_LearnsEveryWeightOfTheBase()
    {
        using TrainingBase origin = TrainingBase.Random(s_small);
        TrainingGraph graph = origin.Graph(s_lora with { Mode = TrainingMode.Full });
        Assert.Equal([.. origin.Weights.Tensors.Keys.Order(StringComparer.Ordinal), "head.weight", "head.bias"], graph.Parameters.Select(p => p.Name));
        Assert.DoesNotContain(graph.Step.Initializers, i => i.Initializer is InitializerData.External);
    }

    [Fact]
    public void LoraStep_ComputesNoGradientOfAFrozenWeight()
    {
        using TrainingBase origin = TrainingBase.Random(s_small);
        GraphBuilder lora = origin.Graph(s_lora).Step, full = origin.Graph(s_lora with { Mode = TrainingMode.Full }).Step;
        Assert.Equal(origin.Weights.Tensors.Keys.Order(StringComparer.Ordinal), lora.Initializers.Where(i => i.Initializer is InitializerData.External).Select(i => i.Name).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(lora.Outputs, o => origin.Weights.Tensors.Keys.Any(weight => o.Name.StartsWith(weight, StringComparison.Ordinal)));

        // A weight's gradient is the only product without a dimension that the batch has: of its shape, or for the pairs of theirs.
        Assert.Equal(14, WeightShaped(full).Count());
        Assert.All(WeightShaped(lora), shape => Assert.True(shape is "[12,3]" or "[3,12]", shape));
        Assert.Equal((2 * 2 * 2) + 1, WeightShaped(lora).Count());
    }

    private static IEnumerable<string> WeightShaped(GraphBuilder graph) => graph.Nodes
        .Where(n => n.OperatorType is "Gemm" or "MatMul" && !n.Output.Shape.Any(d => d.IsSymbolic))
        .Select(n => Dimension.Text(n.Output.Shape));

    [Fact]
    public void LoraStep_DoesNotGoBackBelowTheFirstPair()
    {
        using TrainingBase origin = TrainingBase.Random(s_small);
        string[] back = [.. origin.Graph(s_lora).Step.Nodes.Select(n => n.Name).Where(n => n.Contains(".gradient.", StringComparison.Ordinal))];
        Assert.Contains(back, n => n.StartsWith("layers.0.query.up.gradient", StringComparison.Ordinal));
        Assert.Contains(back, n => n.StartsWith("layers.1.norm1.gradient", StringComparison.Ordinal));
        Assert.Contains(back, n => n.StartsWith("layers.1.key.product.gradient", StringComparison.Ordinal));
        Assert.DoesNotContain(back, n => n.StartsWith("layers.0.norm1.gradient", StringComparison.Ordinal));
        Assert.DoesNotContain(back, n => n.StartsWith("layers.0.key.gradient", StringComparison.Ordinal));
        Assert.DoesNotContain(back, n => n.StartsWith("embedding.", StringComparison.Ordinal));
    }

    [Fact]
    public void GradientsByParameters_AreTheLastNodes_TheFirstBlocksFirst()
    {
        // The runtime begins with the last one: the head's, then block by block, and of each what it needs (BackwardPass.End).
        using TrainingBase origin = TrainingBase.Random(s_small);
        GraphBuilder step = origin.Graph(s_lora with { Mode = TrainingMode.Full }).Step;
        string[] gradients = [.. step.Nodes.Where(n => n.OperatorType == "Identity").Select(n => n.Name)];
        Assert.Equal("patch_embedding.weight.gradient", gradients[0]);
        Assert.Equal(["head.weight.gradient", "head.bias.gradient"], gradients[^2..]);
        int[] layers = [.. gradients.Where(n => n.StartsWith("layers.", StringComparison.Ordinal)).Select(n => n["layers.".Length] - '0')];
        Assert.Equal(layers.Order(), layers);
        string[] names = [.. step.Nodes.Select(n => n.Name)];
        int[] products = [.. step.Nodes.Where(n => n.OperatorType == "Gemm" && !n.Output.Shape.Any(d => d.IsSymbolic)).Select(n => Array.IndexOf(names, n.Name))];
        Assert.True(products.Min() > Array.FindLastIndex(names, n => n.StartsWith("layers.0.norm1.gradient.Sub", StringComparison.Ordinal)), "a weight's gradient is before what goes back");
    }

    [Fact]
    public void LastBlock_GoesBackForTheClassTokenAlone()
    {
        using TrainingBase origin = TrainingBase.Random(s_small);
        GraphBuilder step = origin.Graph(s_lora).Step;
        Assert.Equal("[batch*1,20]", Dimension.Text(step["layers.1.fc1.product"].Shape));
        Assert.Equal("[batch*5,20]", Dimension.Text(step["layers.0.fc1.product"].Shape));
    }

    [Fact]
    public void Step_ChangesNoFrozenWeight()
    {
        using TrainingBase origin = TrainingBase.Random(s_small);
        byte[] before = Digest();
        TrainingGraph graph = origin.Graph(s_lora);
        Dictionary<string, DoubleTensor> inputs = origin.Inputs(graph, s_lora, batch: 2);
        using RuntimeGraph runtime = new(graph.Step, origin.Folder);
        float[] first = runtime.Run(inputs)[TrainingGraph.Logits];
        for (int i = 0; i < 3; i++) Assert.Equal(first, runtime.Run(inputs)[TrainingGraph.Logits]);
        Assert.Equal(before, Digest());

        byte[] Digest() => SHA256.HashData(File.ReadAllBytes(Path.Combine(origin.Folder, origin.Weights.Source)));
    }

    [Fact]
    public void PartsOfABatch_AddUpToIt()
    {
        using TrainingBase origin = TrainingBase.Random(s_small);
        TrainingGraph graph = origin.Graph(s_lora);
        Dictionary<string, DoubleTensor> inputs = origin.Inputs(graph, s_lora, batch: 4);
        using RuntimeGraph runtime = new(graph.Step, origin.Folder);
        Dictionary<string, float[]> whole = runtime.Run(inputs), first = runtime.Run(Half(0)), second = runtime.Run(Half(1));
        foreach (string name in graph.Parameters.Select(p => p.GradientName).Append(TrainingGraph.Loss))
            GradientAssert.AreClose(name, [.. first[name].Zip(second[name], (a, b) => (double)a + b)], whole[name], 1e-5);

        Dictionary<string, DoubleTensor> Half(int half) => inputs.ToDictionary(i => i.Key, i => i.Key is VitGraph.PixelValues or TrainingGraph.PositiveWeights
            ? new DoubleTensor([2, .. i.Value.Shape[1..]], i.Value.Values[(half * i.Value.Values.Length / 2)..((half + 1) * i.Value.Values.Length / 2)])
            : i.Value);
    }

    [Fact]
    public void Slices_AreAveragedInTheLogits()
    {
        using TrainingBase origin = TrainingBase.Random(s_small);
        TrainingGraphOptions volumes = s_lora with { Slices = 2 };
        Dictionary<string, DoubleTensor> inputs = origin.Inputs(origin.Graph(volumes), volumes, batch: 2);
        using RuntimeGraph together = new(origin.Graph(volumes).Evaluation, origin.Folder), alone = new(origin.Graph(s_lora).Evaluation, origin.Folder);
        float[] slices = alone.Run(inputs)[TrainingGraph.Logits];
        double[] means = [.. Enumerable.Range(0, 2).SelectMany(sample => Enumerable.Range(0, 3).Select(c => (slices[(sample * 6) + c] + (double)slices[(sample * 6) + 3 + c]) / 2))];
        GradientAssert.AreClose("logits", means, together.Run(inputs)[TrainingGraph.Logits], 1e-5);
    }

    [Fact]
    public void Features_AreWhatTheResidentGraphPools()
    {
        using TrainingBase origin = TrainingBase.Random(s_small);
        TrainingGraphOptions probe = s_lora with { Mode = TrainingMode.Head };
        TrainingGraph graph = origin.Graph(probe);
        Dictionary<string, DoubleTensor> inputs = origin.Inputs(graph, probe, batch: 2);
        using RuntimeGraph features = new(graph.Features!, origin.Folder), head = new(graph.Evaluation), resident = new(VitGraph.Build(origin.Architecture, origin.Weights, []), origin.Folder);
        float[] found = features.Run(inputs)[TrainingGraph.FeaturesName];
        inputs[TrainingGraph.FeaturesName] = new DoubleTensor([2, 12], [.. found.Select(v => (double)v)]);
        GradientAssert.AreClose("logits", [.. resident.Run(inputs)[VitGraph.Logits].Select(v => (double)v)], head.Run(inputs)[TrainingGraph.Logits], 1e-5);
    }

    [Fact]
    public void OptionsThatMakeNoGraph_AreRefused()
    {
        using TrainingBase origin = TrainingBase.Random(s_small);
        Assert.Throws<ArgumentOutOfRangeException>(() => origin.Graph(s_lora with { Classes = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => origin.Graph(s_lora with { Slices = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => origin.Graph(s_lora with { Rank = 0 }));
        Assert.Throws<ArgumentException>(() => origin.Graph(s_lora with { Targets = [] }));
        Assert.Throws<ArgumentException>(() => origin.Graph(s_lora with { Targets = [VitLinear.Key, VitLinear.Key] }));
    }
}
