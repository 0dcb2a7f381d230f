using System.Text.Json.Nodes;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Tests.Models;

/// <summary>
/// A small Vision Transformer with random weights, and its checkpoint in every library's form. The values have at most 8 significant
/// bits, so that F16 and BF16 hold them exactly. Linear weights are [out,in], as PyTorch has them.
/// </summary>
internal sealed class RandomVit
{
    private static readonly string[] s_linears = ["q", "k", "v", "o", "fc1", "fc2"];

    public RandomVit(VitArchitecture architecture, int seed = 1, bool classTokenHasPosition = true)
    {
        Architecture = architecture;
        ClassTokenHasPosition = classTokenHasPosition;
        Random random = new(seed);
        int dim = architecture.Dim, patches = architecture.Grid * architecture.Grid;
        Add("patch.weight", 0, dim, 3, architecture.PatchSize, architecture.PatchSize);
        Add("patch.bias", 0, dim);
        if (architecture.HasClassToken) Add("cls", 0, 1, 1, dim);
        Add("pos", 0, 1, patches + (architecture.HasClassToken && classTokenHasPosition ? 1 : 0), dim);
        for (int i = 0; i < architecture.Depth; i++)
        {
            foreach (string norm in (string[])["n1", "n2"])
            {
                Add($"{i}.{norm}.weight", 1, dim);
                Add($"{i}.{norm}.bias", 0, dim);
            }
            foreach (string linear in s_linears)
            {
                (int input, int output) = linear switch { "fc1" => (dim, architecture.MlpDim), "fc2" => (architecture.MlpDim, dim), _ => (dim, dim) };
                Add($"{i}.{linear}.weight", 0, output, input);
                if (architecture.QkvBias || linear is "o" or "fc1" or "fc2") Add($"{i}.{linear}.bias", 0, output);
            }
        }
        if (architecture.FinalNorm != VitFinalNorm.None)
        {
            Add("norm.weight", 1, dim);
            Add("norm.bias", 0, dim);
        }

        void Add(string name, float around, params long[] shape)
        {
            float[] values = new float[shape.Aggregate(1L, (p, d) => p * d)];
            // Up to ±0.25 around 0, or 0.5 to 1.5 around 1.
            for (int i = 0; i < values.Length; i++) values[i] = around + (random.Next(-127, 128) / (around == 0 ? 512f : 256f));
            if (around != 0) for (int i = 0; i < values.Length; i++) values[i] = MathF.Round(values[i] * 128) / 128;
            Weights.Add(name, (shape, values));
        }
    }

    public VitArchitecture Architecture { get; }

    public bool ClassTokenHasPosition { get; }

    /// <summary>By neutral names: cls, pos, patch, norm, and for block i: i.n1, i.n2, i.q, i.k, i.v, i.o, i.fc1, i.fc2.</summary>
    public Dictionary<string, (long[] Shape, float[] Values)> Weights { get; } = [];

    public float[] Pixels(int batch, int seed = 7)
    {
        Random random = new(seed);
        float[] pixels = new float[batch * 3 * Architecture.ImageSize * Architecture.ImageSize];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (random.NextSingle() * 2) - 1;
        return pixels;
    }

    /// <summary>timm's form, with the head of a classifier as a real checkpoint has it.</summary>
    public Dictionary<string, (long[] Shape, float[] Values)> Timm()
    {
        Dictionary<string, (long[] Shape, float[] Values)> timm = Rename(
            ("cls", "cls_token"), ("pos", "pos_embed"), ("patch", "patch_embed.proj"), ("norm", Architecture.FinalNorm == VitFinalNorm.AfterPooling ? "fc_norm" : "norm"),
            "blocks.", ("n1", "norm1"), ("n2", "norm2"), ("q", "attn.q"), ("k", "attn.k"), ("v", "attn.v"), ("o", "attn.proj"), ("fc1", "mlp.fc1"), ("fc2", "mlp.fc2"));
        for (int i = 0; i < Architecture.Depth; i++)
            foreach (string part in (string[])["weight", "bias"])
            {
                if (!timm.ContainsKey($"blocks.{i}.attn.q.{part}")) continue;
                (long[] Shape, float[] Values)[] thirds = [.. "qkv".Select(c => timm[$"blocks.{i}.attn.{c}.{part}"])];
                foreach (char c in "qkv") timm.Remove($"blocks.{i}.attn.{c}.{part}");
                timm.Add($"blocks.{i}.attn.qkv.{part}", ([3L * Architecture.Dim, .. thirds[0].Shape.Skip(1)], [.. thirds.SelectMany(t => t.Values)]));
            }
        timm.Add("head.weight", ([10, Architecture.Dim], new float[10 * Architecture.Dim]));
        timm.Add("head.bias", ([10], new float[10]));
        return timm;
    }

    /// <summary>Hugging Face's <c>ViTForImageClassification</c>, or with <paramref name="prefix"/> empty its <c>ViTModel</c>.</summary>
    public Dictionary<string, (long[] Shape, float[] Values)> HuggingFace(string prefix = "vit.")
    {
        Dictionary<string, (long[] Shape, float[] Values)> huggingFace = Rename(
            ("cls", $"{prefix}embeddings.cls_token"), ("pos", $"{prefix}embeddings.position_embeddings"), ("patch", $"{prefix}embeddings.patch_embeddings.projection"), ("norm", $"{prefix}layernorm"),
            $"{prefix}encoder.layer.", ("n1", "layernorm_before"), ("n2", "layernorm_after"), ("q", "attention.attention.query"), ("k", "attention.attention.key"),
            ("v", "attention.attention.value"), ("o", "attention.output.dense"), ("fc1", "intermediate.dense"), ("fc2", "output.dense"));
        string extra = prefix.Length > 0 ? "classifier" : "pooler.dense";
        huggingFace.Add($"{extra}.weight", ([Architecture.Dim, Architecture.Dim], new float[Architecture.Dim * Architecture.Dim]));
        huggingFace.Add($"{extra}.bias", ([Architecture.Dim], new float[Architecture.Dim]));
        return huggingFace;
    }

    public JsonObject HuggingFaceConfig() => new()
    {
        ["architectures"] = new JsonArray("ViTForImageClassification"),
        ["model_type"] = "vit",
        ["hidden_act"] = "gelu",
        ["hidden_size"] = Architecture.Dim,
        ["num_hidden_layers"] = Architecture.Depth,
        ["num_attention_heads"] = Architecture.Heads,
        ["intermediate_size"] = Architecture.MlpDim,
        ["image_size"] = Architecture.ImageSize,
        ["patch_size"] = Architecture.PatchSize,
        ["num_channels"] = 3,
        ["layer_norm_eps"] = (double)(decimal)Architecture.LayerNormEpsilon,
        ["qkv_bias"] = Architecture.QkvBias,
    };

    /// <summary>The form of LoRA-ViT's <c>base_vit.ViT</c>.</summary>
    public Dictionary<string, (long[] Shape, float[] Values)> LoraVit()
    {
        Dictionary<string, (long[] Shape, float[] Values)> loraVit = Rename(
            ("cls", "class_token"), ("pos", "positional_embedding.pos_embedding"), ("patch", "patch_embedding"), ("norm", "norm"),
            "transformer.blocks.", ("n1", "norm1"), ("n2", "norm2"), ("q", "attn.proj_q"), ("k", "attn.proj_k"), ("v", "attn.proj_v"), ("o", "proj"), ("fc1", "pwff.fc1"), ("fc2", "pwff.fc2"));
        loraVit.Add("fc.weight", ([10, Architecture.Dim], new float[10 * Architecture.Dim]));
        loraVit.Add("fc.bias", ([10], new float[10]));
        return loraVit;
    }

    /// <summary>Writes a checkpoint; F16 and BF16 hold the values exactly.</summary>
    public static string Save(string path, IReadOnlyDictionary<string, (long[] Shape, float[] Values)> tensors, ElementType type = ElementType.F32)
    {
        using FileStream stream = File.Create(path);
        SafetensorsWriter.Write(stream, [.. tensors.Select(t => new TensorSource(t.Key, type, t.Value.Shape, s => s.Write(Bytes(t.Value.Values, type))))]);
        return path;
    }

    private static byte[] Bytes(float[] values, ElementType type) => type switch
    {
        ElementType.F16 => [.. values.SelectMany(v => BitConverter.GetBytes((Half)v))],
        ElementType.BF16 => [.. values.SelectMany(v => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(v) >> 16)))],
        ElementType.F32 => [.. values.SelectMany(BitConverter.GetBytes)],
        _ => new byte[values.Length * type.Size()],
    };

    private Dictionary<string, (long[] Shape, float[] Values)> Rename(
        (string From, string To) cls, (string From, string To) pos, (string From, string To) patch, (string From, string To) norm, string layers, params (string From, string To)[] block)
    {
        Dictionary<string, (long[] Shape, float[] Values)> renamed = [];
        foreach ((string name, (long[] Shape, float[] Values) tensor) in Weights)
        {
            string[] parts = name.Split('.');
            string to = char.IsDigit(name[0])
                ? $"{layers}{parts[0]}.{block.Single(b => b.From == parts[1]).To}.{parts[2]}"
                : new[] { cls, pos, patch, norm }.Single(t => t.From == parts[0]).To + (parts.Length > 1 ? $".{parts[1]}" : "");
            renamed.Add(to, tensor);
        }
        return renamed;
    }
}
