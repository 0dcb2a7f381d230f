using System.Text.Json;
using System.Text.RegularExpressions;

namespace MeLo.Edge.Adapters;

/// <summary>
/// What an <c>adapter_config.json</c> of Hugging Face PEFT (<c>LoraConfig</c>) says about the arithmetic. A setting that would change it
/// in a way that W + s·B·A does not cover is refused, and so is one that this reader does not know, unless it is off.
/// </summary>
internal sealed class PeftConfig
{
    public const string FileName = "adapter_config.json";

    // PEFT writes some kilobytes; module lists of large models reach a few hundred.
    private const int MaxBytes = 4 << 20;

    /// <summary>Settings that say how training went, where it started, or what is read below.</summary>
    private static readonly HashSet<string> s_known = new(StringComparer.Ordinal)
    {
        "alpha_pattern", "auto_mapping", "base_model_name_or_path", "bias", "ensure_weight_tying", "eva_config", "exclude_modules", "fan_in_fan_out",
        "inference_mode", "init_lora_weights", "layers_pattern", "layers_to_transform", "lora_alpha", "lora_dropout", "megatron_core",
        "modules_to_save", "peft_type", "peft_version", "qalora_group_size", "r", "rank_pattern", "revision", "runtime_config",
        "target_modules", "task_type", "use_rslora",
    };

    /// <summary>Initialisations that leave the base's weights as they were. PiSSA, OLoRA, CorDA and LoftQ change them.</summary>
    private static readonly HashSet<string> s_harmlessStarts = new(StringComparer.OrdinalIgnoreCase) { "gaussian", "eva", "orthogonal" };

    private readonly string _source;
    private readonly IReadOnlyList<PeftPattern> _rankPatterns;
    private readonly IReadOnlyList<PeftPattern> _alphaPatterns;

    private PeftConfig(string source, JsonElement root)
    {
        _source = source;
        Member(root, "peft_type", e => e.ValueKind == JsonValueKind.String && e.GetString() == "LORA", "\"LORA\"", required: true);
        Member(root, "bias", e => e.ValueKind == JsonValueKind.String && e.GetString() == "none", "\"none\": trained biases of the base would be lost");
        Member(root, "fan_in_fan_out", e => e.ValueKind == JsonValueKind.False, "false: a ViT's linears are stored [out,in]");
        Member(root, "init_lora_weights", IsHarmlessStart, "true, false, \"gaussian\", \"eva\" or \"orthogonal\": other starts change the base's weights, and the adapter does not fit the original ones");
        foreach (JsonProperty member in root.EnumerateObject())
            if (!s_known.Contains(member.Name) && !IsOff(member.Value))
                throw AdapterException.Member(source, member.Name, $"found {Shorten(member.Value)}, expected it to be off: it changes the arithmetic, or this version does not know it");
        Rank = Number(root, "r") is var r && r >= 1 && r <= int.MaxValue && r == Math.Floor(r)
            ? (int)r
            : throw AdapterException.Member(source, "r", $"found {r}, expected a whole number of at least 1");
        Alpha = Number(root, "lora_alpha");
        if (Alpha == 0) throw AdapterException.Member(source, "lora_alpha", "found 0, expected another number: such an adapter does nothing");
        UseRsLora = root.TryGetProperty("use_rslora", out JsonElement rs) && rs.ValueKind == JsonValueKind.True;
        _rankPatterns = Patterns(root, "rank_pattern");
        _alphaPatterns = Patterns(root, "alpha_pattern");
        TargetModules = Targets(root);
        LeavesLayersOut = IsSet(root, "layers_to_transform") || IsSet(root, "exclude_modules") || TargetModules is null || TargetModules.Any(NamesLayer);
    }

    /// <summary>The rank where no pattern says otherwise.</summary>
    public int Rank { get; }

    /// <summary>Alpha where no pattern says otherwise.</summary>
    public double Alpha { get; }

    /// <summary>Whether the scale is alpha / sqrt(r) (rsLoRA, arXiv 2312.03732) and not alpha / r.</summary>
    public bool UseRsLora { get; }

    /// <summary>The scale where no pattern says otherwise.</summary>
    public double Scale => ScaleOf(Rank, Alpha);

    /// <summary>The endings of the adapted modules' names; null when an expression or a keyword chose them.</summary>
    public IReadOnlyList<string>? TargetModules { get; }

    /// <summary>Whether the configuration may choose only some layers; otherwise a layer without tensors is a loss.</summary>
    public bool LeavesLayersOut { get; }

    /// <summary>Reads the file.</summary>
    /// <exception cref="AdapterException">It is no JSON object of that form, or asks for arithmetic beyond W + s·B·A.</exception>
    public static PeftConfig Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) throw AdapterException.File(Path.GetFileName(folder.TrimEnd('/', '\\')), $"found no {FileName}, expected a PEFT folder with one");
        long length = new FileInfo(path).Length;
        if (length > MaxBytes) throw AdapterException.File(FileName, $"found {length} bytes, expected at most {MaxBytes}");
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw AdapterException.File(FileName, $"found a JSON {document.RootElement.ValueKind}, expected an object");
            return new PeftConfig(FileName, document.RootElement);
        }
        // InvalidOperationException: text that is no UTF-8, or half a surrogate pair, comes to light only when it is read.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw AdapterException.File(FileName, $"is not the JSON object that PEFT writes ({e.Message.Split('.')[0]})", e);
        }
    }

    /// <summary>
    /// The scale of one module. PEFT looks it up in two ways: since 0.15 rank and alpha each by the first matching pattern of their own,
    /// before by one pattern for both. The file does not say which; the rank of the tensors may, and else both must agree.
    /// </summary>
    /// <param name="module">The module's path in the base, without PEFT's prefix.</param>
    /// <param name="rank">The rank of its tensors.</param>
    /// <exception cref="AdapterException">The rank is not the configured one, or the patterns are ambiguous.</exception>
    public double ScaleFor(string module, int rank)
    {
        PeftPattern? rankPattern = _rankPatterns.FirstOrDefault(p => p.Matches(module)), alphaPattern = _alphaPatterns.FirstOrDefault(p => p.Matches(module));
        (double Rank, double Alpha) own = (rankPattern?.Value ?? Rank, alphaPattern?.Value ?? Alpha);
        string? shared = _rankPatterns.Concat(_alphaPatterns).FirstOrDefault(p => p.MatchesBelow(module))?.Key;
        (double Rank, double Alpha) common = (
            _rankPatterns.FirstOrDefault(p => p.Key == shared)?.Value ?? Rank,
            _alphaPatterns.FirstOrDefault(p => p.Key == shared)?.Value ?? Alpha);
        if (own.Rank != rank && common.Rank != rank)
            throw AdapterException.Member(_source, "r", $"found rank {own.Rank} for {module}, expected {rank} as its tensors have");
        if (own.Rank == rank && common.Rank == rank && own.Alpha != common.Alpha)
            throw AdapterException.Member(_source, "alpha_pattern", $"found alpha {own.Alpha} or {common.Alpha} for {module}, depending on the version of PEFT, expected patterns that all versions read alike");
        return ScaleOf(rank, own.Rank == rank ? own.Alpha : common.Alpha);
    }

    private double ScaleOf(int rank, double alpha) => alpha / (UseRsLora ? Math.Sqrt(rank) : rank);

    private void Member(JsonElement root, string name, Func<JsonElement, bool> accepted, string expected, bool required = false)
    {
        if (!root.TryGetProperty(name, out JsonElement value))
        {
            if (required) throw AdapterException.Member(_source, name, $"is missing, expected {expected}");
            return;
        }
        if (value.ValueKind != JsonValueKind.Null && !accepted(value)) throw AdapterException.Member(_source, name, $"found {Shorten(value)}, expected {expected}");
    }

    private double Number(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
            ? number
            : throw AdapterException.Member(_source, name, "is missing or no number");

    private List<PeftPattern> Patterns(JsonElement root, string name)
    {
        List<PeftPattern> patterns = [];
        if (!root.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null) return patterns;
        if (value.ValueKind != JsonValueKind.Object) throw AdapterException.Member(_source, name, $"found {Shorten(value)}, expected an object of numbers by module");
        foreach (JsonProperty pattern in value.EnumerateObject())
        {
            if (pattern.Value.ValueKind != JsonValueKind.Number || !pattern.Value.TryGetDouble(out double number) || !double.IsFinite(number) || number == 0)
                throw AdapterException.Member(_source, name, $"found {Shorten(pattern.Value)} for '{pattern.Name}', expected a number other than 0");
            try
            {
                patterns.Add(new PeftPattern(pattern.Name, number));
            }
            catch (Exception e) when (e is ArgumentException or NotSupportedException)
            {
                throw AdapterException.Member(_source, name, $"found the expression '{pattern.Name}', expected one without look-around or back-references");
            }
        }
        return patterns;
    }

    private string[]? Targets(JsonElement root)
    {
        if (!root.TryGetProperty("target_modules", out JsonElement value) || value.ValueKind is JsonValueKind.Null or JsonValueKind.String) return null;
        if (value.ValueKind != JsonValueKind.Array || value.EnumerateArray().Any(e => e.ValueKind != JsonValueKind.String))
            throw AdapterException.Member(_source, "target_modules", $"found {Shorten(value)}, expected a list of names or an expression");
        return [.. value.EnumerateArray().Select(e => e.GetString()!)];
    }

    private static bool IsHarmlessStart(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => true,
        JsonValueKind.String => s_harmlessStarts.Contains(value.GetString()!),
        _ => false,
    };

    private static bool IsSet(JsonElement root, string name) => root.TryGetProperty(name, out JsonElement value) && !IsOff(value);

    private static bool IsOff(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.Array => value.GetArrayLength() == 0,
        _ => false,
    };

    // "encoder.layer.3.attention.attention.query" names a layer; "query" and "output.dense" do not.
    private static bool NamesLayer(string target) => target.Split('.').Any(part => part.Length > 0 && part.All(char.IsAsciiDigit));

    private static string Shorten(JsonElement value)
    {
        string text = Regex.Replace(value.GetRawText(), @"\s+", " ");
        return text.Length <= 40 ? text : text[..40] + "…";
    }
}
