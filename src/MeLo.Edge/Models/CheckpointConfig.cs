using System.Text.Json;

namespace MeLo.Edge.Models;

/// <summary>
/// What a checkpoint's <c>config.json</c> says that its tensors do not, and what it says that they can be compared with. Members that
/// this library has no use for are passed over: the file belongs to another program.
/// </summary>
internal sealed record CheckpointConfig
{
    private const int MaxLength = 1 << 20;

    public int? Heads { get; private init; }

    public float? LayerNormEpsilon { get; private init; }

    public bool? QkvBias { get; private init; }

    public VitPooling? Pooling { get; private init; }

    /// <summary>False where timm was told to build no final norm.</summary>
    public bool FinalNorm { get; private init; } = true;

    /// <summary>Numbers that the tensors show too, by the config's names; see <see cref="Compare"/>.</summary>
    private Dictionary<string, int> Numbers { get; init; } = [];

    /// <exception cref="ModelException">The file is not the library's config.json, or describes a model that is not computed here.</exception>
    public static CheckpointConfig Read(string path, CheckpointNames names)
    {
        string source = Path.GetFileName(path);
        if (new FileInfo(path).Length > MaxLength)
            throw ModelException.Checkpoint(source, $"found more than {MaxLength} bytes, expected a model's configuration");
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { MaxDepth = 32 });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw ModelException.Checkpoint(source, "found no JSON object");
            List<string> faults = [];
            CheckpointConfig config =
                names == CheckpointNames.HuggingFace ? HuggingFace(document.RootElement, faults)
                : names == CheckpointNames.Timm ? Timm(document.RootElement, faults)
                : throw ModelException.Checkpoint(source,
                    $"found a configuration beside a checkpoint with {names.Scheme} names, expected none; give the .safetensors file itself");
            return faults.Count == 0 ? config : throw ModelException.Checkpoint(source, string.Join("; ", faults));
        }
        catch (JsonException e)
        {
            throw ModelException.Checkpoint(source, "the file is not JSON", e);
        }
    }

    /// <summary>Adds a fault for every number that differs from what the tensors show.</summary>
    public void Compare(VitArchitecture found, List<string> faults)
    {
        Compare("hidden_size", found.Dim);
        Compare("num_hidden_layers", found.Depth);
        Compare("intermediate_size", found.MlpDim);
        Compare("image_size", found.ImageSize);
        Compare("patch_size", found.PatchSize);
        Compare("num_channels", CanonicalWeights.Channels);

        void Compare(string member, int tensors)
        {
            if (Numbers.TryGetValue(member, out int value) && value != tensors) faults.Add($"config.json says {member} {value}, the tensors have {tensors}");
        }
    }

    // transformers: ViTConfig
    private static CheckpointConfig HuggingFace(JsonElement root, List<string> faults)
    {
        Expect(root, "model_type", "vit", faults);
        Expect(root, "hidden_act", "gelu", faults);
        Dictionary<string, int> numbers = [];
        foreach (string member in (string[])["hidden_size", "num_hidden_layers", "intermediate_size", "image_size", "patch_size", "num_channels"])
            if (Int(root, member, faults, required: false) is { } number) numbers.Add(member, number);
        return new CheckpointConfig
        {
            Heads = Int(root, "num_attention_heads", faults, required: true),
            LayerNormEpsilon = Epsilon(root, "layer_norm_eps", faults),
            QkvBias = Bool(root, "qkv_bias", faults) ?? true,
            Pooling = VitPooling.ClassToken,
            Numbers = numbers,
        };
    }

    // timm's model repositories: "architecture", "global_pool", and the arguments that differ from the architecture's own.
    private static CheckpointConfig Timm(JsonElement root, List<string> faults)
    {
        if (!root.TryGetProperty("architecture", out _))
            faults.Add("found no 'architecture', expected timm's configuration beside a checkpoint with timm names");
        JsonElement arguments = root.TryGetProperty("model_args", out JsonElement a) && a.ValueKind == JsonValueKind.Object ? a : root;
        if (arguments.TryGetProperty("act_layer", out _)) Expect(arguments, "act_layer", "gelu", faults);
        VitPooling? pooling = null;
        if (arguments.TryGetProperty("global_pool", out JsonElement pool) || root.TryGetProperty("global_pool", out pool))
        {
            pooling = Text(pool) switch
            {
                "token" => VitPooling.ClassToken,
                "avg" => VitPooling.Average,
                _ => null,
            };
            if (pooling is null) faults.Add($"found global_pool {pool.GetRawText()}, expected \"token\" or \"avg\"");
        }
        return new CheckpointConfig
        {
            Heads = Int(arguments, "num_heads", faults, required: false),
            QkvBias = Bool(arguments, "qkv_bias", faults),
            Pooling = pooling,
            FinalNorm = Bool(arguments, "final_norm", faults) ?? true,
        };
    }

    private static void Expect(JsonElement parent, string member, string expected, List<string> faults)
    {
        if (!parent.TryGetProperty(member, out JsonElement element)) faults.Add($"found no {member}, expected \"{expected}\"");
        else if (Text(element) != expected) faults.Add($"found {member} {element.GetRawText()}, expected \"{expected}\"");
    }

    private static string? Text(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString() : null;

    private static int? Int(JsonElement parent, string member, List<string> faults, bool required)
    {
        if (!parent.TryGetProperty(member, out JsonElement element))
        {
            if (required) faults.Add($"found no {member}, expected a whole number");
            return null;
        }
        if (element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int value) && value > 0) return value;
        faults.Add($"found {member} {element.GetRawText()}, expected a whole number above 0");
        return null;
    }

    private static float? Epsilon(JsonElement parent, string member, List<string> faults)
    {
        if (!parent.TryGetProperty(member, out JsonElement element)) faults.Add($"found no {member}, expected a number");
        else if (element.ValueKind == JsonValueKind.Number && element.TryGetSingle(out float value)) return value;
        else faults.Add($"found {member} {element.GetRawText()}, expected a number");
        return null;
    }

    private static bool? Bool(JsonElement parent, string member, List<string> faults)
    {
        if (!parent.TryGetProperty(member, out JsonElement element)) return null;
        if (element.ValueKind is JsonValueKind.True or JsonValueKind.False) return element.GetBoolean();
        faults.Add($"found {member} {element.GetRawText()}, expected true or false");
        return null;
    }
}
