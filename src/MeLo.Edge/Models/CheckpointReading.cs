using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>Reads the architecture off a checkpoint's tensors and compares every tensor with what that architecture needs.</summary>
internal static class CheckpointReading
{
    // A hostile name must not make this library count to a billion; no ViT is deeper.
    private const int MaxDepth = 512;

    public static (VitArchitecture Architecture, IReadOnlyList<CheckpointWeight> Weights, long Positions) Read(
        string source, CheckpointNames names, CheckpointConfig? config, IReadOnlyDictionary<string, TensorView> tensors, int? heads)
    {
        CheckpointFaults faults = new();
        TensorView? patch = Dimensions($"{names.PatchEmbedding}.weight", "[dim,3,patch,patch]", s => s.Count == 4 && s[0] > 0 && s[1] == CanonicalWeights.Channels && s[2] > 0 && s[2] == s[3]);
        TensorView? position = Dimensions(names.PositionEmbedding, "[1,tokens,dim]", s => s.Count == 3 && s[0] == 1 && s[1] > 0 && s[2] > 0);
        TensorView? fc1 = Dimensions(names.LinearName(new LinearId(0, VitLinear.Fc1), "weight"), "[mlp,dim]", s => s.Count == 2 && s[0] > 0 && s[1] > 0);
        int depth = Math.Clamp(1 + tensors.Keys.Max(names.LayerOf), 1, MaxDepth);
        bool classToken = tensors.ContainsKey(names.ClassToken) || names.PooledNorm is null || (position is not null && !IsSquare(position.Shape[1]));
        VitPooling pooling = config?.Pooling ?? (classToken && !HasPooledNorm() ? VitPooling.ClassToken : VitPooling.Average);
        long positions = position?.Shape[1] ?? 0;
        bool classTokenHasPosition = classToken && !(names.ClassTokenMayLackPosition && IsSquare(positions));
        long grid = (long)Math.Sqrt(classTokenHasPosition ? positions - 1 : positions);
        int patchSize = Math.Max(1, Int32(patch?.Shape[2]));
        VitArchitecture vit = new()
        {
            Dim = Int32(patch?.Shape[0]),
            PatchSize = patchSize,
            ImageSize = Int32(grid * patchSize),
            MlpDim = Int32(fc1?.Shape[0]),
            Depth = depth,
            Heads = 0,
            HasClassToken = classToken,
            Pooling = pooling,
            FinalNorm = HasPooledNorm() ? VitFinalNorm.AfterPooling : config is { FinalNorm: false } ? VitFinalNorm.None : VitFinalNorm.BeforePooling,
            QkvBias = config?.QkvBias ?? tensors.Keys.Any(n => names.LayerOf(n) >= 0 && IsQkvBias(n)),
            LayerNormEpsilon = config?.LayerNormEpsilon ?? VitArchitecture.TimmLayerNormEpsilon,
        };
        bool shapesKnown = patch is not null && position is not null && fc1 is not null;
        if (position is not null && !IsSquare(classTokenHasPosition ? positions - 1 : positions))
            faults.Misshapen(names.PositionEmbedding, position.ShapeText, $"a square number of patches{(classTokenHasPosition ? " and one class token" : "")}");

        IReadOnlyList<CheckpointWeight> weights = CheckpointWeight.Of(names, vit, positions);
        foreach (IGrouping<string, CheckpointWeight> group in weights.GroupBy(w => w.Name, StringComparer.Ordinal)) Check(group.First());
        HashSet<string> expected = [.. weights.Select(w => w.Name)];
        foreach (string name in tensors.Keys)
            if (!expected.Contains(name) && !names.IsIgnored(name)) faults.Extra(name);
        if (faults.Any) throw ModelException.Checkpoint(source, $"the tensors are not those of a Vision Transformer with {names.Scheme} names: {faults}");

        List<string> differences = [];
        config?.Compare(vit, differences);
        if (heads is not null && config?.Heads is { } configured && heads != configured) differences.Add($"config.json says {configured} heads, the option {heads}");
        if (differences.Count > 0) throw ModelException.Checkpoint(source, string.Join("; ", differences));
        vit = vit with { Heads = heads ?? config?.Heads ?? VitSizes.Find(vit.Dim, vit.Depth, vit.MlpDim)?.Heads ?? throw UnknownHeads(source, vit) };
        vit.Validate();
        return (vit, weights, positions);

        // A tensor that the architecture is read from; null, with its fault noted here or below, when it cannot be.
        TensorView? Dimensions(string name, string form, Func<IReadOnlyList<long>, bool> fits)
        {
            if (!tensors.TryGetValue(name, out TensorView? tensor)) return null;
            if (fits(tensor.Shape)) return tensor;
            faults.Misshapen(name, tensor.ShapeText, form);
            return null;
        }

        void Check(CheckpointWeight weight)
        {
            if (!tensors.TryGetValue(weight.Name, out TensorView? tensor)) faults.Missing(weight.Name);
            else if (tensor.Type is not (ElementType.F32 or ElementType.F16 or ElementType.BF16)) faults.Misshapen(weight.Name, tensor.Type.HeaderName(), "F32, F16 or BF16");
            else if (shapesKnown && !tensor.Shape.SequenceEqual(weight.Shape)) faults.Misshapen(weight.Name, tensor.ShapeText, $"[{string.Join(',', weight.Shape)}]");
        }

        bool HasPooledNorm() => names.PooledNorm is { } norm && tensors.ContainsKey($"{norm}.weight") && !tensors.ContainsKey($"{names.FinalNorm}.weight");

        bool IsQkvBias(string name) => names.Linears.Take(3).Any(linear => name.EndsWith($".{linear}.bias", StringComparison.Ordinal));
    }

    private static ModelException UnknownHeads(string source, VitArchitecture vit) =>
        ModelException.Checkpoint(source, $"found width {vit.Dim}, depth {vit.Depth} and MLP width {vit.MlpDim}, which is no known size, and a checkpoint does not say how many heads it has; expected the option heads");

    private static bool IsSquare(long number)
    {
        long root = (long)Math.Sqrt(number);
        return number > 0 && root * root == number;
    }

    // Absurd sizes become 0 or negative here and are refused by the shapes or by VitArchitecture.Validate.
    private static int Int32(long? value) => value is > 0 and <= int.MaxValue ? (int)value.Value : 0;
}
