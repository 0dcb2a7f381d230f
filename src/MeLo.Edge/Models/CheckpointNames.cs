using System.Globalization;
using MeLo.Edge.Adapters;

namespace MeLo.Edge.Models;

/// <summary>
/// What a training library calls the tensors of a Vision Transformer. Three are known: timm's <c>VisionTransformer</c>, Hugging Face's
/// <c>ViTModel</c>, and the <c>ViT</c> of LoRA-ViT's <c>base_vit.py</c> (the names of lukemelas/PyTorch-Pretrained-ViT).
/// </summary>
internal sealed record CheckpointNames
{
    private CheckpointNames()
    {
    }

    public static CheckpointNames Timm { get; } = new()
    {
        Scheme = "timm",
        ClassToken = "cls_token",
        PositionEmbedding = "pos_embed",
        PatchEmbedding = "patch_embed.proj",
        FinalNorm = "norm",
        PooledNorm = "fc_norm",
        Layers = "blocks.",
        LayerNorms = ["norm1", "norm2"],
        Linears = ["attn.qkv", "attn.qkv", "attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"],
        FusedQkv = true,
        ClassTokenMayLackPosition = true,
        Recognised = ["blocks.", "patch_embed."],
        // pre_logits: a layer of old ImageNet-21k checkpoints that timm itself drops when it loads them.
        Ignored = ["head.", "pre_logits."],
    };

    public static CheckpointNames HuggingFace { get; } = new()
    {
        Scheme = "huggingface",
        ClassToken = "embeddings.cls_token",
        PositionEmbedding = "embeddings.position_embeddings",
        PatchEmbedding = "embeddings.patch_embeddings.projection",
        FinalNorm = "layernorm",
        Layers = "encoder.layer.",
        LayerNorms = ["layernorm_before", "layernorm_after"],
        Linears =
        [
            "attention.attention.query", "attention.attention.key", "attention.attention.value",
            "attention.output.dense", "intermediate.dense", "output.dense",
        ],
        Recognised = ["encoder.layer.", "embeddings.patch_embeddings."],
        // The mask token stands in for hidden patches in pre-training only.
        Ignored = ["pooler.", "classifier.", "embeddings.mask_token"],
    };

    public static CheckpointNames LoraVit { get; } = new()
    {
        Scheme = "lora-vit",
        ClassToken = "class_token",
        PositionEmbedding = "positional_embedding.pos_embedding",
        PatchEmbedding = "patch_embedding",
        FinalNorm = "norm",
        Layers = "transformer.blocks.",
        LayerNorms = ["norm1", "norm2"],
        Linears = ["attn.proj_q", "attn.proj_k", "attn.proj_v", "proj", "pwff.fc1", "pwff.fc2"],
        Recognised = ["transformer.blocks.", "positional_embedding."],
        // pre_logits: base_vit loads it only on request, and LoRA-ViT does not ask.
        Ignored = ["fc.", "pre_logits."],
    };

    public static IReadOnlyList<CheckpointNames> All { get; } = [Timm, HuggingFace, LoraVit];

    /// <summary>What <c>base.json</c> calls this set of names.</summary>
    public required string Scheme { get; init; }

    public required string ClassToken { get; init; }

    public required string PositionEmbedding { get; init; }

    public required string PatchEmbedding { get; init; }

    /// <summary>The norm over every token.</summary>
    public required string FinalNorm { get; init; }

    /// <summary>The norm over the pooled vector; null where the library has none.</summary>
    public string? PooledNorm { get; init; }

    /// <summary>What stands before a block's number.</summary>
    public required string Layers { get; init; }

    /// <summary>The norms before attention and before the MLP.</summary>
    public required IReadOnlyList<string> LayerNorms { get; init; }

    /// <summary>The linears in the order of <see cref="VitLinear"/>.</summary>
    public required IReadOnlyList<string> Linears { get; init; }

    /// <summary>Whether query, key and value are the thirds of one matrix [3·dim, dim].</summary>
    public bool FusedQkv { get; init; }

    /// <summary>Whether the position embedding may be for the patches alone (timm's <c>no_embed_class</c>).</summary>
    public bool ClassTokenMayLackPosition { get; init; }

    /// <summary>Starts of names that only this library uses.</summary>
    public required IReadOnlyList<string> Recognised { get; init; }

    /// <summary>Starts of names of heads and the like, which a base does not have.</summary>
    public required IReadOnlyList<string> Ignored { get; init; }

    /// <summary>The library whose names these are, by the number of names that only it uses; null when none does.</summary>
    public static CheckpointNames? Recognise(IReadOnlyCollection<string> names)
    {
        (CheckpointNames best, int count) = All.Select(n => (n, names.Count(n.IsOwn))).MaxBy(n => n.Item2);
        return count > 0 ? best : null;
    }

    public bool IsIgnored(string name) => Ignored.Any(start => name.StartsWith(start, StringComparison.Ordinal));

    public string LayerName(int layer, string rest) => string.Create(CultureInfo.InvariantCulture, $"{Layers}{layer}.{rest}");

    /// <summary>The block that a name belongs to, or -1.</summary>
    public int LayerOf(string name)
    {
        if (!name.StartsWith(Layers, StringComparison.Ordinal)) return -1;
        int end = name.IndexOf('.', Layers.Length);
        if (end < 0) return -1;
        return int.TryParse(name.AsSpan(Layers.Length, end - Layers.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int layer) ? layer : -1;
    }

    public string LinearName(LinearId id, string part) => LayerName(id.Layer, $"{Linears[(int)id.Linear]}.{part}");

    private bool IsOwn(string name) => Recognised.Any(start => name.StartsWith(start, StringComparison.Ordinal));
}
