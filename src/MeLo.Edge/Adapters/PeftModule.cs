using System.Globalization;

namespace MeLo.Edge.Adapters;

/// <summary>
/// A module that a PEFT adapter changes: its path in the base, the block, and which linears it is; timm's fused <c>qkv</c> is three.
/// Known are the names of Hugging Face's <c>ViTModel</c>, of timm's <c>VisionTransformer</c> and of LoRA-ViT's <c>base_vit</c>.
/// </summary>
internal sealed record PeftModule(string Path, int Layer, IReadOnlyList<VitLinear> Linears)
{
    private static readonly Dictionary<string, VitLinear[]> s_linears = new(StringComparer.Ordinal)
    {
        // Hugging Face
        ["attention.attention.query"] = [VitLinear.Query],
        ["attention.attention.key"] = [VitLinear.Key],
        ["attention.attention.value"] = [VitLinear.Value],
        ["attention.output.dense"] = [VitLinear.Output],
        ["intermediate.dense"] = [VitLinear.Fc1],
        ["output.dense"] = [VitLinear.Fc2],
        // timm: one linear whose outputs are query, key and value, in that order
        ["attn.qkv"] = [VitLinear.Query, VitLinear.Key, VitLinear.Value],
        ["attn.proj"] = [VitLinear.Output],
        ["mlp.fc1"] = [VitLinear.Fc1],
        ["mlp.fc2"] = [VitLinear.Fc2],
        // base_vit
        ["attn.proj_q"] = [VitLinear.Query],
        ["attn.proj_k"] = [VitLinear.Key],
        ["attn.proj_v"] = [VitLinear.Value],
        ["proj"] = [VitLinear.Output],
        ["pwff.fc1"] = [VitLinear.Fc1],
        ["pwff.fc2"] = [VitLinear.Fc2],
    };

    private static readonly string[] s_stacks = ["encoder.layer", "blocks"];

    /// <summary>Whether three linears share the A of one.</summary>
    public bool IsFused => Linears.Count > 1;

    /// <summary>Recognises a module's path, such as <c>vit.encoder.layer.3.attention.attention.query</c>.</summary>
    public static PeftModule? Recognise(string path)
    {
        foreach (string stack in s_stacks)
        {
            int at = path.StartsWith(stack + ".", StringComparison.Ordinal) ? 0 : path.IndexOf($".{stack}.", StringComparison.Ordinal) + 1;
            if (at == 0 && !path.StartsWith(stack + ".", StringComparison.Ordinal)) continue;
            ReadOnlySpan<char> rest = path.AsSpan(at + stack.Length + 1);
            int dot = rest.IndexOf('.');
            if (dot < 1 || !int.TryParse(rest[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int layer)) continue;
            if (s_linears.TryGetValue(rest[(dot + 1)..].ToString(), out VitLinear[]? linears)) return new PeftModule(path, layer, linears);
        }
        return null;
    }
}
