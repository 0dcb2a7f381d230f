using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>Reads the architecture off a checkpoint's tensors and compares every tensor with what that architecture needs.</summary>
internal sealed class CheckpointReader
{
    // A hostile name must not make this library count to a billion; no ViT is deeper.
    private const int MaxDepth = 512;

    private readonly string _source;
    private readonly CheckpointNames _names;
    private readonly CheckpointConfig? _config;
    private readonly IReadOnlyDictionary<string, TensorView> _tensors;
    private readonly CheckpointFaults _faults = new();

    /// <param name="source">What to call the checkpoint in error messages.</param>
    /// <param name="names">Whose names its tensors have.</param>
    /// <param name="config">What its config.json says, if there is one.</param>
    /// <param name="tensors">Its tensors.</param>
    public CheckpointReader(string source, CheckpointNames names, CheckpointConfig? config, IReadOnlyDictionary<string, TensorView> tensors)
    {
        _source = source;
        _names = names;
        _config = config;
        _tensors = tensors;
        Architecture = ReadArchitecture(out long positions, out bool shapesKnown);
        Weights = CheckpointWeight.Of(names, Architecture, positions);
        CheckTensors(shapesKnown);
    }

    /// <summary>The architecture; the number of heads is not known before <see cref="WithHeads"/>.</summary>
    public VitArchitecture Architecture { get; }

    /// <summary>Where each canonical weight is, in byte order of the canonical names.</summary>
    public IReadOnlyList<CheckpointWeight> Weights { get; }

    /// <summary>The architecture with its heads, which the tensors do not show: as asked for, as configured, or as the known size has.</summary>
    /// <exception cref="ModelException">Nothing tells, or what tells disagrees.</exception>
    public VitArchitecture WithHeads(int? asked)
    {
        VitArchitecture vit = Architecture;
        List<string> differences = [];
        _config?.Compare(vit, differences);
        if (asked is not null && _config?.Heads is { } configured && asked != configured)
            differences.Add($"config.json says {configured} heads, the option {asked}");
        if (differences.Count > 0) throw ModelException.Checkpoint(_source, string.Join("; ", differences));
        int heads = asked ?? _config?.Heads ?? VitSizes.Find(vit.Dim, vit.Depth, vit.MlpDim)?.Heads
            ?? throw ModelException.Checkpoint(_source,
                $"found width {vit.Dim}, depth {vit.Depth} and MLP width {vit.MlpDim}, which is no known size, and a checkpoint does not say how many heads it has; expected the option heads");
        vit = vit with { Heads = heads };
        vit.Validate();
        return vit;
    }

    private VitArchitecture ReadArchitecture(out long positions, out bool shapesKnown)
    {
        TensorView? patch = Find($"{_names.PatchEmbedding}.weight", "[dim,3,patch,patch]",
            s => s.Count == 4 && s[0] > 0 && s[1] == CanonicalWeights.Channels && s[2] > 0 && s[2] == s[3]);
        TensorView? position = Find(_names.PositionEmbedding, "[1,tokens,dim]", s => s.Count == 3 && s[0] == 1 && s[1] > 0 && s[2] > 0);
        TensorView? fc1 = Find(_names.LinearName(new LinearId(0, VitLinear.Fc1), "weight"), "[mlp,dim]", s => s.Count == 2 && s[0] > 0 && s[1] > 0);
        shapesKnown = patch is not null && position is not null && fc1 is not null;
        positions = position?.Shape[1] ?? 0;

        // Without the token itself, a number of positions that is no square still says that one belongs there.
        bool classToken = _tensors.ContainsKey(_names.ClassToken) || _names.PooledNorm is null || (position is not null && !IsSquare(positions));
        bool hasPosition = classToken && !(_names.ClassTokenMayLackPosition && IsSquare(positions));
        long patches = hasPosition ? positions - 1 : positions;
        if (position is not null && !IsSquare(patches))
            _faults.Misshapen(_names.PositionEmbedding, position.ShapeText, $"a square number of patches{(hasPosition ? " and one class token" : "")}");

        bool pooledNorm = _names.PooledNorm is { } norm && _tensors.ContainsKey($"{norm}.weight") && !_tensors.ContainsKey($"{_names.FinalNorm}.weight");
        int patchSize = Math.Max(1, Int32(patch?.Shape[2]));
        return new VitArchitecture
        {
            ImageSize = Int32((long)Math.Sqrt(patches) * patchSize),
            PatchSize = patchSize,
            Dim = Int32(patch?.Shape[0]),
            Depth = Math.Clamp(1 + _tensors.Keys.Max(_names.LayerOf), 1, MaxDepth),
            Heads = 0,
            MlpDim = Int32(fc1?.Shape[0]),
            LayerNormEpsilon = _config?.LayerNormEpsilon ?? VitArchitecture.TimmLayerNormEpsilon,
            QkvBias = _config?.QkvBias ?? _tensors.Keys.Any(IsQkvBias),
            HasClassToken = classToken,
            Pooling = _config?.Pooling ?? (classToken && !pooledNorm ? VitPooling.ClassToken : VitPooling.Average),
            FinalNorm = pooledNorm ? VitFinalNorm.AfterPooling : _config is { FinalNorm: false } ? VitFinalNorm.None : VitFinalNorm.BeforePooling,
        };
    }

    // A tensor that the architecture is read from. It is null when it is misshapen, which is noted here, or missing, which
    // CheckTensors notes with the others.
    private TensorView? Find(string name, string form, Func<IReadOnlyList<long>, bool> fits)
    {
        if (!_tensors.TryGetValue(name, out TensorView? tensor)) return null;
        if (fits(tensor.Shape)) return tensor;
        _faults.Misshapen(name, tensor.ShapeText, form);
        return null;
    }

    private void CheckTensors(bool shapesKnown)
    {
        HashSet<string> expected = new(StringComparer.Ordinal);
        foreach (CheckpointWeight weight in Weights)
        {
            if (!expected.Add(weight.Name)) continue; // query, key and value of one matrix
            if (!_tensors.TryGetValue(weight.Name, out TensorView? tensor))
                _faults.Missing(weight.Name);
            else if (tensor.Type is not (ElementType.F32 or ElementType.F16 or ElementType.BF16))
                _faults.Misshapen(weight.Name, tensor.Type.HeaderName(), "F32, F16 or BF16");
            else if (shapesKnown && !tensor.Shape.SequenceEqual(weight.Shape))
                _faults.Misshapen(weight.Name, tensor.ShapeText, $"[{string.Join(',', weight.Shape)}]");
        }
        foreach (string name in _tensors.Keys)
            if (!expected.Contains(name) && !_names.IsIgnored(name)) _faults.Extra(name);
        if (_faults.Any)
            throw ModelException.Checkpoint(_source, $"the tensors are not those of a Vision Transformer with {_names.Scheme} names: {_faults}");
    }

    private bool IsQkvBias(string name) =>
        _names.LayerOf(name) >= 0 && _names.Linears.Take(3).Any(linear => name.EndsWith($".{linear}.bias", StringComparison.Ordinal));

    private static bool IsSquare(long number)
    {
        long root = (long)Math.Sqrt(number);
        return number > 0 && root * root == number;
    }

    // Absurd sizes become 0 here and are refused by the shapes or by VitArchitecture.Validate.
    private static int Int32(long? value) => value is > 0 and <= int.MaxValue ? (int)value.Value : 0;
}
