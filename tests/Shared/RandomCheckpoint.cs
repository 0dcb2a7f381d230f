using System.Runtime.InteropServices;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests;

/// <summary>A checkpoint of any architecture in timm's layout, with random weights of about the sizes that trained ones have.</summary>
internal static class RandomCheckpoint
{
    /// <summary>Writes the checkpoint, one tensor in memory at a time; the same seed gives the same file.</summary>
    public static void Write(string path, VitArchitecture vit, int seed = 1)
    {
        Random random = new(seed);
        long d = vit.Dim, m = vit.MlpDim, p = vit.PatchSize;
        List<TensorSource> tensors = [];
        if (vit.HasClassToken) Add("cls_token", 0.5f, 1, 1, d);
        Add("pos_embed", 0.5f, 1, vit.Tokens, d);
        Add("patch_embed.proj.weight", 1 / MathF.Sqrt(3 * p * p), d, 3, p, p);
        Add("patch_embed.proj.bias", 0.1f, d);
        for (int i = 0; i < vit.Depth; i++)
        {
            Norm($"blocks.{i}.norm1");
            Linear($"blocks.{i}.attn.qkv", 3 * d, d, vit.QkvBias);
            Linear($"blocks.{i}.attn.proj", d, d, bias: true);
            Norm($"blocks.{i}.norm2");
            Linear($"blocks.{i}.mlp.fc1", m, d, bias: true);
            Linear($"blocks.{i}.mlp.fc2", d, m, bias: true);
        }
        if (vit.FinalNorm == VitFinalNorm.BeforePooling) Norm("norm");
        if (vit.FinalNorm == VitFinalNorm.AfterPooling) Norm("fc_norm");
        using FileStream stream = File.Create(path);
        SafetensorsWriter.Write(stream, tensors);

        void Norm(string name)
        {
            AddAround($"{name}.weight", 0.3f, 1, d);
            Add($"{name}.bias", 0.2f, d);
        }

        void Linear(string name, long outputs, long inputs, bool bias)
        {
            Add($"{name}.weight", 1.5f / MathF.Sqrt(inputs), outputs, inputs);
            if (bias) Add($"{name}.bias", 0.1f, outputs);
        }

        void Add(string name, float spread, params long[] shape) => AddAround(name, spread, 0, shape);

        void AddAround(string name, float spread, float mean, params long[] shape)
        {
            int tensorSeed = random.Next();
            tensors.Add(new TensorSource(name, ElementType.F32, shape, stream =>
                stream.Write(MemoryMarshal.AsBytes(RandomValues.Normal(new Random(tensorSeed), shape.Aggregate(1L, (a, b) => a * b), spread, mean).AsSpan()))));
        }
    }
}

/// <summary>Normally distributed random numbers.</summary>
internal static class RandomValues
{
    public static float[] Normal(Random random, long count, float spread, float mean = 0)
    {
        float[] values = new float[count];
        for (long i = 0; i < count; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            values[i] = mean + (spread * (float)(radius * Math.Cos(2 * Math.PI * random.NextDouble())));
        }
        return values;
    }
}
