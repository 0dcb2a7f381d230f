using System.Text.Json;
using System.Text.Json.Serialization;

namespace MeLo.Edge.Models;

/// <summary>The file <c>base.json</c> of a base package. Unknown, missing and repeated members are refused.</summary>
internal sealed partial record BaseManifest
{
    public const string CurrentSchema = "melo.base/1";

    /// <summary>Far more than any base needs.</summary>
    private const int MaxLength = 1 << 20;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        NewLine = "\n",
        Converters =
        {
            new JsonStringEnumConverter<VitPooling>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false),
            new JsonStringEnumConverter<VitFinalNorm>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false),
        },
        TypeInfoResolver = Contract.Default,
    };

    public required string Schema { get; init; }

    public required string Digest { get; init; }

    public required ArchitectureFacts Architecture { get; init; }

    /// <summary>The linears of a block whose weights are inputs of the graphs.</summary>
    public required IReadOnlyList<string> Adaptable { get; init; }

    public required WeightsFacts Weights { get; init; }

    public required IReadOnlyList<GraphFacts> Graphs { get; init; }

    public required SourceFacts Source { get; init; }

    public required DateTimeOffset Created { get; init; }

    public sealed record ArchitectureFacts
    {
        public required string Name { get; init; }
        public required int ImageSize { get; init; }
        public required int PatchSize { get; init; }
        public required int Dim { get; init; }
        public required int Depth { get; init; }
        public required int Heads { get; init; }
        public required int MlpDim { get; init; }
        public required float LayerNormEpsilon { get; init; }
        public required bool QkvBias { get; init; }
        public required bool ClassToken { get; init; }
        public required VitPooling Pooling { get; init; }
        public required VitFinalNorm FinalNorm { get; init; }

        public static ArchitectureFacts Of(VitArchitecture vit) => new()
        {
            Name = vit.Name,
            ImageSize = vit.ImageSize,
            PatchSize = vit.PatchSize,
            Dim = vit.Dim,
            Depth = vit.Depth,
            Heads = vit.Heads,
            MlpDim = vit.MlpDim,
            LayerNormEpsilon = vit.LayerNormEpsilon,
            QkvBias = vit.QkvBias,
            ClassToken = vit.HasClassToken,
            Pooling = vit.Pooling,
            FinalNorm = vit.FinalNorm,
        };

        public VitArchitecture ToArchitecture() => new()
        {
            ImageSize = ImageSize,
            PatchSize = PatchSize,
            Dim = Dim,
            Depth = Depth,
            Heads = Heads,
            MlpDim = MlpDim,
            LayerNormEpsilon = LayerNormEpsilon,
            QkvBias = QkvBias,
            HasClassToken = ClassToken,
            Pooling = Pooling,
            FinalNorm = FinalNorm,
        };
    }

    /// <param name="File">The safetensors file.</param>
    /// <param name="DataOffset">Where its data starts; the graphs' references count from the start of the file and so depend on it.</param>
    public sealed record WeightsFacts(string File, long DataOffset);

    /// <param name="Precision">The graph's arithmetic.</param>
    /// <param name="File">The ONNX file.</param>
    /// <param name="Sha256">Its SHA-256, 64 hexadecimal digits.</param>
    /// <param name="WeightsSha256">The SHA-256 of the precision's own weights; absent where the graph needs none but the canonical.</param>
    public sealed record GraphFacts(
        string Precision, string File, string Sha256, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? WeightsSha256 = null);

    /// <summary>Where the weights came from, for people and audits; nothing is computed from it.</summary>
    /// <param name="File">The checkpoint's file name.</param>
    /// <param name="Sha256">The SHA-256 of that file.</param>
    /// <param name="Naming">Whose names its tensors had: <c>timm</c>, <c>huggingface</c> or <c>lora-vit</c>.</param>
    /// <param name="ElementTypes">The types it stored the weights in.</param>
    /// <param name="ImageSize">The image size it was trained for; when it differs, the position embedding was resampled.</param>
    /// <param name="Ignored">Its tensors that are no part of a base: heads and the like.</param>
    public sealed record SourceFacts(string File, string Sha256, string Naming, IReadOnlyList<string> ElementTypes, int ImageSize, IReadOnlyList<string> Ignored);

    public byte[] ToBytes() => [.. JsonSerializer.SerializeToUtf8Bytes(this, s_json), (byte)'\n'];

    /// <exception cref="ModelException">The file is missing, or is not a base.json of this schema.</exception>
    public static BaseManifest Read(string folder)
    {
        string path = Path.Combine(folder, BasePackage.ManifestFile);
        FileInfo file = new(path);
        if (!file.Exists) throw ModelException.Package(folder, $"found no {BasePackage.ManifestFile}, expected a folder that 'base import' has written");
        if (file.Length > MaxLength)
            throw ModelException.Package(folder, $"found {file.Length} bytes in {BasePackage.ManifestFile}, expected at most {MaxLength}");
        try
        {
            byte[] json = File.ReadAllBytes(path);
            CheckSchema(folder, json);
            return JsonSerializer.Deserialize<BaseManifest>(json, s_json) ?? throw new JsonException("the file holds null");
        }
        catch (JsonException e)
        {
            throw ModelException.Package(folder, $"{BasePackage.ManifestFile} is not what {CurrentSchema} defines: {e.Message}", e);
        }
    }

    // Said first: a newer schema would otherwise be refused for its new members.
    private static void CheckSchema(string folder, byte[] json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        string? schema = document.RootElement.ValueKind == JsonValueKind.Object
            && document.RootElement.TryGetProperty("schema", out JsonElement element) && element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        if (schema != CurrentSchema) throw ModelException.Package(folder, $"found schema '{schema}' in {BasePackage.ManifestFile}, expected '{CurrentSchema}'");
    }

    // Made by the compiler: working it out by reflection would be a tenth of a cold start.
    [JsonSerializable(typeof(BaseManifest))]
    private sealed partial class Contract : JsonSerializerContext;
}
