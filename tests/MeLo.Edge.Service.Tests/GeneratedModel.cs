using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Service.Demo;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests;

/// <summary>
/// Weights that a generator made: of the right shapes, spread so that different pictures and different tasks give different answers, and
/// without any meaning. The same on every run.
/// </summary>
internal static class GeneratedModel
{
    public const int ImageSize = 64;
    public const int Heads = 4;
    private const int PatchSize = 8;
    private const int Dim = 128;
    private const int Depth = 6;
    private const int MlpDim = 4 * Dim;
    private const int Rank = 4;
    private const int Seed = 20231108;

    /// <summary>A checkpoint of a small Vision Transformer under timm's names.</summary>
    public static void WriteCheckpoint(string path)
    {
        Random random = new(Seed);
        List<TensorSource> tensors =
        [
            Tensor("cls_token", random, [1, 1, Dim], 0, 1),
            Tensor("pos_embed", random, [1, ((ImageSize / PatchSize) * (ImageSize / PatchSize)) + 1, Dim], 0, 0.3),
            Tensor("patch_embed.proj.weight", random, [Dim, 3, PatchSize, PatchSize], 0, 1 / Math.Sqrt(3 * PatchSize * PatchSize)),
            Tensor("patch_embed.proj.bias", random, [Dim], 0, 0.1),
        ];
        for (int layer = 0; layer < Depth; layer++)
        {
            string block = $"blocks.{layer}.";
            tensors.AddRange(Norm(block + "norm1", random));
            tensors.AddRange(Linear(block + "attn.qkv", random, Dim, 3 * Dim));
            tensors.AddRange(Linear(block + "attn.proj", random, Dim, Dim));
            tensors.AddRange(Norm(block + "norm2", random));
            tensors.AddRange(Linear(block + "mlp.fc1", random, Dim, MlpDim));
            tensors.AddRange(Linear(block + "mlp.fc2", random, MlpDim, Dim));
        }
        tensors.AddRange(Norm("norm", random));
        using FileStream file = File.Create(path);
        SafetensorsWriter.Write(file, tensors);
    }

    /// <summary>An adapter of rank 4 on query and value of every block, with a head for the task's labels.</summary>
    public static LoraAdapter Adapter(DemoTask task, int release)
    {
        Random random = new((task.Seed * 1000) + release);
        List<LoraPair> pairs = [];
        for (int layer = 0; layer < Depth; layer++)
        {
            foreach (VitLinear linear in (VitLinear[])[VitLinear.Query, VitLinear.Value])
            {
                float[] a = Normal(random, Rank * Dim, 0, 1 / Math.Sqrt(Dim));
                float[] b = Normal(random, Dim * Rank, 0, 0.5);
                pairs.Add(new LoraPair(new LinearId(layer, linear), Rank, Dim, Dim, a, b));
            }
        }
        int classes = task.Labels.Count;
        return new LoraAdapter(1f, pairs, new TaskHead(classes, Dim, Normal(random, classes * Dim, 0, 2 / Math.Sqrt(Dim)), new float[classes]));
    }

    /// <summary>A prepared input for a self-test.</summary>
    public static float[] ProbePixels(DemoTask task, int inputs) => Normal(new Random(task.Seed), inputs * 3 * ImageSize * ImageSize, 0, 0.5);

    private static IEnumerable<TensorSource> Norm(string name, Random random) =>
        [Tensor(name + ".weight", random, [Dim], 1, 0.3), Tensor(name + ".bias", random, [Dim], 0, 0.3)];

    private static IEnumerable<TensorSource> Linear(string name, Random random, int inputs, int outputs) =>
        [Tensor(name + ".weight", random, [outputs, inputs], 0, 1 / Math.Sqrt(inputs)), Tensor(name + ".bias", random, [outputs], 0, 0.1)];

    private static TensorSource Tensor(string name, Random random, long[] shape, double mean, double deviation) =>
        TensorSource.FromSingles(name, shape, Normal(random, (int)shape.Aggregate(1L, (a, b) => a * b), mean, deviation));

    // Box-Muller.
    private static float[] Normal(Random random, int count, double mean, double deviation)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            values[i] = (float)(mean + (deviation * radius * Math.Cos(2 * Math.PI * random.NextDouble())));
        }
        return values;
    }
}
