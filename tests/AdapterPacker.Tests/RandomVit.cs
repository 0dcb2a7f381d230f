using System.Runtime.InteropServices;
using MeLo.Edge.Tensors;

namespace AdapterPacker.Tests;

/// <summary>A small random ViT under timm's names, and adapters for it: what the tests run on where no golden files are.</summary>
internal sealed class RandomVit
{
    public const int Dim = 32, Depth = 2, Heads = 2, Mlp = 64, Patch = 8, ImageSize = 16, Classes = 3, Rank = 4;
    private readonly Random _random;

    public RandomVit(int seed)
    {
        _random = new Random(seed);
        const int tokens = 1 + (ImageSize / Patch * (ImageSize / Patch));
        Add("cls_token", 0.5f, 1, 1, Dim);
        Add("pos_embed", 0.5f, 1, tokens, Dim);
        Add("patch_embed.proj.weight", 0.1f, Dim, 3, Patch, Patch);
        Add("patch_embed.proj.bias", 0.1f, Dim);
        for (int layer = 0; layer < Depth; layer++)
        {
            string block = $"blocks.{layer}.";
            AddNorm(block + "norm1");
            AddNorm(block + "norm2");
            AddLinear(block + "attn.qkv", Dim, 3 * Dim);
            AddLinear(block + "attn.proj", Dim, Dim);
            AddLinear(block + "mlp.fc1", Dim, Mlp);
            AddLinear(block + "mlp.fc2", Mlp, Dim);
        }
        AddNorm("norm");
    }

    /// <summary>The checkpoint's tensors by timm's names; linear weights are [out,in].</summary>
    public Dictionary<string, (long[] Shape, float[] Values)> Tensors { get; } = [];

    public string WriteCheckpoint(string path) => Write(path, Tensors);

    /// <summary>A LoRA-ViT adapter; the name should end in <c>_4_4</c>.</summary>
    public string WriteLoraVit(string path, bool zeroB = false)
    {
        Dictionary<string, (long[], float[])> tensors = [];
        for (int i = 0; i < 2 * Depth; i++)
        {
            tensors[$"w_a_{i:000}"] = ([Rank, Dim], Values(Rank * Dim, 0.3f));
            tensors[$"w_b_{i:000}"] = ([Dim, Rank], zeroB ? new float[Dim * Rank] : Values(Rank * Dim, 0.3f));
        }
        tensors[$"fc_{Dim}in_{Classes}out"] = ([Classes, Dim], Head);
        return Write(path, tensors);
    }

    /// <summary>The same head for every adapter of this model.</summary>
    public float[] Head { get; } = MakeHead();

    public float[] Values(int count, float spread)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = ((2 * _random.NextSingle()) - 1) * spread;
        return values;
    }

    /// <summary>A reference file; logits and labels where given.</summary>
    public static string WriteReference(string path, float[] pixels, float[]? logits = null, params long[] labels)
    {
        int inputs = pixels.Length / (3 * ImageSize * ImageSize);
        List<TensorSource> tensors = [TensorSource.FromSingles("pixel_values", [inputs, 3, ImageSize, ImageSize], pixels)];
        if (logits is not null) tensors.Add(TensorSource.FromSingles("logits", [inputs, logits.Length / inputs], logits));
        if (labels.Length > 0) tensors.Add(new TensorSource("labels", ElementType.I64, [labels.Length], s => s.Write(MemoryMarshal.AsBytes(labels.AsSpan()))));
        File.WriteAllBytes(path, SafetensorsWriter.ToBytes(tensors));
        return path;
    }

    public static string Write(string path, IReadOnlyDictionary<string, (long[] Shape, float[] Values)> tensors)
    {
        File.WriteAllBytes(path, SafetensorsWriter.ToBytes([.. tensors.Select(t => TensorSource.FromSingles(t.Key, t.Value.Shape, t.Value.Values))]));
        return path;
    }

    private static float[] MakeHead()
    {
        Random random = new(99);
        return [.. Enumerable.Range(0, Classes * Dim).Select(_ => (2 * random.NextSingle()) - 1)];
    }

    private void Add(string name, float spread, params long[] shape) => Tensors[name] = (shape, Values((int)shape.Aggregate((a, b) => a * b), spread));

    private void AddLinear(string name, int inFeatures, int outFeatures)
    {
        Add(name + ".weight", 0.3f, outFeatures, inFeatures);
        Add(name + ".bias", 0.1f, outFeatures);
    }

    private void AddNorm(string name)
    {
        Tensors[name + ".weight"] = ([Dim], [.. Values(Dim, 0.3f).Select(v => 1 + v)]);
        Add(name + ".bias", 0.1f, Dim);
    }
}
