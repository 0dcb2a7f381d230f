using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Tests.Gradients;

namespace MeLo.Edge.Training.Tests.Graphs;

/// <summary>A step's gradients are those that PyTorch computes: shared/golden/gradients, made with timm and LoRA-ViT.</summary>
public sealed class GoldenGradientTests
{
    private const double Tolerance = 1e-4;

    [Theory]
    [InlineData("micro_tb", "tb_micro_lora_4_4")]
    [InlineData("micro_blood", "blood_micro_lora_4_8")]
    public void LoraStep_GivesThePyTorchGradients(string golden, string adapter)
    {
        using SafetensorsFile expected = SafetensorsFile.Open(SharedData.Golden("gradients", $"{golden}.safetensors"));
        LoraAdapter lora = LoraVitFile.Read(SharedData.Golden("micro", $"{adapter}.safetensors"), null, null, null).Adapter;
        using TrainingBase origin = TrainingBase.Of(SharedData.Golden("micro", "base.safetensors"), heads: 4);
        TrainingGraph graph = origin.Graph(new TrainingGraphOptions
        {
            Mode = TrainingMode.Lora, Rank = lora.Pairs[0].Rank, Alpha = lora.Scale * lora.Pairs[0].Rank, Classes = lora.Head.Classes,
        });
        Dictionary<string, DoubleTensor> inputs = Inputs(expected, lora);
        foreach (LoraPair pair in lora.Pairs)
        {
            inputs[VitGraph.LoraA(pair.Target)] = Matrix(pair.A, pair.Rank).Transposed(1, 0);
            inputs[VitGraph.LoraB(pair.Target)] = Matrix(pair.B, pair.OutFeatures).Transposed(1, 0);
        }
        using RuntimeGraph runtime = new(graph.Step, origin.Folder);
        Dictionary<string, float[]> found = runtime.Run(inputs);
        AssertLossAndHead(expected, found);
        // LoRA-ViT counts the pairs block by block, query before value.
        foreach ((LoraPair pair, int i) in lora.Pairs.OrderBy(p => p.Target).Select((p, i) => (p, i)))
        {
            AssertClose(expected, $"grad.w_a_{i:000}", found[$"{VitGraph.LoraA(pair.Target)}.gradient"]);
            AssertClose(expected, $"grad.w_b_{i:000}", found[$"{VitGraph.LoraB(pair.Target)}.gradient"]);
        }
    }

    [Theory]
    [InlineData("micro_tb", "tb_micro_lora_4_4")]
    [InlineData("micro_blood", "blood_micro_lora_4_8")]
    public void FullStep_GivesThePyTorchGradients(string golden, string adapter)
    {
        using SafetensorsFile expected = SafetensorsFile.Open(SharedData.Golden("gradients", $"{golden}.safetensors"));
        LoraAdapter lora = LoraVitFile.Read(SharedData.Golden("micro", $"{adapter}.safetensors"), null, null, null).Adapter;
        using TrainingBase origin = TrainingBase.Of(SharedData.Golden("micro", "base.safetensors"), heads: 4);
        TrainingGraph graph = origin.Graph(new TrainingGraphOptions { Mode = TrainingMode.Full, Classes = lora.Head.Classes });
        Dictionary<string, DoubleTensor> inputs = Inputs(expected, lora);
        foreach (Parameter parameter in graph.Parameters.Where(p => !inputs.ContainsKey(p.Name)))
            inputs[parameter.Name] = new DoubleTensor([.. parameter.Shape.Select(s => (int)s)], [.. origin.Weights[parameter.Name].ToSingles().Select(v => (double)v)]);
        // The golden gradients are those beside the adapter: by the chain rule the same as with its product in the weight.
        foreach (LoraPair pair in lora.Pairs)
        {
            DoubleTensor product = Matrix(pair.B, pair.OutFeatures).MatMul(Matrix(pair.A, pair.Rank)).Transposed(1, 0);
            string weight = CanonicalWeights.LinearWeight(pair.Target);
            inputs[weight] = DoubleTensor.Elementwise(inputs[weight], product, (w, p) => w + (lora.Scale * p));
        }
        using RuntimeGraph runtime = new(graph.Step, origin.Folder);
        Dictionary<string, float[]> found = runtime.Run(inputs);
        AssertLossAndHead(expected, found);

        Dictionary<string, string> timm = new()
        {
            ["class_token"] = "cls_token", ["position_embedding"] = "pos_embed", ["patch_embedding.weight"] = "patch_embed.proj.weight",
            ["patch_embedding.bias"] = "patch_embed.proj.bias", ["norm.weight"] = "norm.weight", ["norm.bias"] = "norm.bias",
        };
        string[] thirds = ["query", "key", "value"]; // timm has them one under the other
        for (int i = 0; i < origin.Architecture.Depth; i++)
        {
            foreach (string part in (string[])["weight", "bias"])
            {
                foreach (string norm in (string[])["norm1", "norm2"]) timm.Add($"layers.{i}.{norm}.{part}", $"blocks.{i}.{norm}.{part}");
                timm.Add($"layers.{i}.output.{part}", $"blocks.{i}.attn.proj.{part}");
                foreach (string linear in (string[])["fc1", "fc2"]) timm.Add($"layers.{i}.{linear}.{part}", $"blocks.{i}.mlp.{linear}.{part}");
            }
            float[] weights = expected[$"grad.base.blocks.{i}.attn.qkv.weight"].ToSingles();
            for (int third = 0; third < 3; third++)
                GradientAssert.AreClose($"layers.{i}.{thirds[third]}.weight", Transposed(weights.AsSpan(third * weights.Length / 3, weights.Length / 3), origin.Architecture.Dim),
                    found[$"layers.{i}.{thirds[third]}.weight.gradient"], Tolerance);
            // The key's bias moves every score of a query alike, which softmax does not see: its gradient is zero but for rounding.
            GradientAssert.AreClose($"layers.{i}.qkv.bias", [.. expected[$"grad.base.blocks.{i}.attn.qkv.bias"].ToSingles().Select(v => (double)v)],
                [.. thirds.SelectMany(third => found[$"layers.{i}.{third}.bias.gradient"])], Tolerance);
        }
        foreach ((string ours, string theirs) in timm)
        {
            TensorView tensor = expected[$"grad.base.{theirs}"];
            bool linear = tensor.Shape.Count == 2;
            GradientAssert.AreClose(ours, Transposed(tensor.ToSingles(), linear ? (int)tensor.Shape[0] : 1), found[$"{ours}.gradient"], Tolerance);
        }
        Assert.Equal(graph.Parameters.Count - 2, timm.Count + (6 * origin.Architecture.Depth)); // none was left out
    }

    private static Dictionary<string, DoubleTensor> Inputs(SafetensorsFile expected, LoraAdapter lora)
    {
        int size = (int)expected["pixel_values"].Shape[^1];
        float[] labels = expected["labels"].ToSingles();
        double[] weights = new double[labels.Length * lora.Head.Classes];
        for (int i = 0; i < labels.Length; i++) weights[(i * lora.Head.Classes) + (int)labels[i]] = 1.0 / labels.Length;
        return new Dictionary<string, DoubleTensor>
        {
            [VitGraph.PixelValues] = new([labels.Length, 3, size, size], [.. expected["pixel_values"].ToSingles().Select(v => (double)v)]),
            [TrainingGraph.PositiveWeights] = new([labels.Length, lora.Head.Classes], weights),
            [VitGraph.HeadWeight] = Matrix(lora.Head.Weight, lora.Head.Classes).Transposed(1, 0),
            [VitGraph.HeadBias] = new([lora.Head.Classes], new double[lora.Head.Classes]),
        };
    }

    private static void AssertLossAndHead(SafetensorsFile expected, Dictionary<string, float[]> found)
    {
        GradientAssert.AreClose("logits", [.. expected["logits"].ToSingles().Select(v => (double)v)], found[TrainingGraph.Logits], Tolerance);
        GradientAssert.AreClose("loss", [.. expected["loss"].ToSingles().Select(v => (double)v)], found[TrainingGraph.Loss], Tolerance);
        AssertClose(expected, "grad.head.weight", found["head.weight.gradient"]);
        AssertClose(expected, "grad.head.bias", found["head.bias.gradient"]);
    }

    // PyTorch's linears are [out, in], ours [in, out].
    private static void AssertClose(SafetensorsFile expected, string name, float[] found) =>
        GradientAssert.AreClose(name, Transposed(expected[name].ToSingles(), expected[name].Shape.Count == 2 ? (int)expected[name].Shape[0] : 1), found, Tolerance);

    private static double[] Transposed(ReadOnlySpan<float> matrix, int rows) => Matrix(matrix, rows).Transposed(1, 0).Values;

    private static DoubleTensor Matrix(ReadOnlySpan<float> values, int rows) => new([rows, values.Length / rows], [.. values.ToArray().Select(v => (double)v)]);
}
