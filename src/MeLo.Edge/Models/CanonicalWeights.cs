using System.Globalization;
using MeLo.Edge.Adapters;

namespace MeLo.Edge.Models;

/// <summary>One weight of a base, under the name and in the layout that this library uses.</summary>
/// <param name="Name">The canonical name.</param>
/// <param name="Shape">The dimensions, outermost first.</param>
internal sealed record CanonicalWeight(string Name, IReadOnlyList<long> Shape)
{
    public long ElementCount { get; } = Shape.Aggregate(1L, (product, size) => checked(product * size));
}

/// <summary>
/// The canonical names: what a base's weights are called, whatever the checkpoint called them. Linear weights are [in,out], so
/// that a row of tokens times the weight needs no transposition: <c>[tokens, in] x [in, out]</c>.
/// </summary>
internal static class CanonicalWeights
{
    public const string ClassToken = "class_token";                          // [dim]
    public const string PositionEmbedding = "position_embedding";            // [tokens, dim]
    public const string PatchEmbeddingWeight = "patch_embedding.weight";     // [dim, 3, patch, patch]
    public const string PatchEmbeddingBias = "patch_embedding.bias";         // [dim]
    public const string NormWeight = "norm.weight";                          // [dim]
    public const string NormBias = "norm.bias";                              // [dim]

    /// <summary>The colour channels of an image: red, green, blue.</summary>
    public const int Channels = 3;

    public static string LinearWeight(LinearId linear) => $"{linear}.weight";

    public static string LinearBias(LinearId linear) => $"{linear}.bias";

    /// <param name="layer">The block, from 0.</param>
    /// <param name="norm">1 before attention, 2 before the MLP.</param>
    /// <param name="part"><c>weight</c> or <c>bias</c>.</param>
    public static string LayerNorm(int layer, int norm, string part) => string.Create(CultureInfo.InvariantCulture, $"layers.{layer}.norm{norm}.{part}");

    /// <summary>Every weight of an architecture, in byte order of the names.</summary>
    public static IReadOnlyList<CanonicalWeight> Of(VitArchitecture architecture)
    {
        int dim = architecture.Dim;
        List<CanonicalWeight> weights =
        [
            new(PatchEmbeddingWeight, [dim, Channels, architecture.PatchSize, architecture.PatchSize]),
            new(PatchEmbeddingBias, [dim]),
            new(PositionEmbedding, [architecture.Tokens, dim]),
        ];
        if (architecture.HasClassToken) weights.Add(new(ClassToken, [dim]));
        if (architecture.FinalNorm != VitFinalNorm.None) weights.AddRange([new(NormWeight, [dim]), new(NormBias, [dim])]);
        for (int layer = 0; layer < architecture.Depth; layer++)
        {
            for (int norm = 1; norm <= 2; norm++)
                weights.AddRange([new(LayerNorm(layer, norm, "weight"), [dim]), new(LayerNorm(layer, norm, "bias"), [dim])]);
            foreach (VitLinear linear in VitLinears.All)
            {
                LinearId id = new(layer, linear);
                (int input, int output) = architecture.LinearShape(linear);
                weights.Add(new(LinearWeight(id), [input, output]));
                if (HasBias(architecture, linear)) weights.Add(new(LinearBias(id), [output]));
            }
        }
        // The names are ASCII, so ordinal order is byte order.
        weights.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return weights;
    }

    public static bool HasBias(VitArchitecture architecture, VitLinear linear) =>
        architecture.QkvBias || linear is not (VitLinear.Query or VitLinear.Key or VitLinear.Value);
}
