using MeLo.Edge.Adapters;

namespace MeLo.Edge.Models;

/// <summary>Where a checkpoint keeps one canonical weight.</summary>
/// <param name="Canonical">The weight.</param>
/// <param name="Name">The checkpoint's tensor.</param>
/// <param name="Shape">The shape that tensor has to have.</param>
/// <param name="FirstElement">Where in the tensor the weight starts: query, key and value are thirds of timm's one matrix.</param>
/// <param name="Transpose">Whether the checkpoint has [out,in] where the canonical weight is [in,out].</param>
internal sealed record CheckpointWeight(CanonicalWeight Canonical, string Name, IReadOnlyList<long> Shape, long FirstElement = 0, bool Transpose = false)
{
    /// <summary>Every weight of an architecture, in byte order of the canonical names.</summary>
    /// <param name="names">The checkpoint's names.</param>
    /// <param name="vit">The architecture as the checkpoint has it.</param>
    /// <param name="positions">The number of tokens in the checkpoint's position embedding.</param>
    public static IReadOnlyList<CheckpointWeight> Of(CheckpointNames names, VitArchitecture vit, long positions)
    {
        Dictionary<string, Func<CanonicalWeight, CheckpointWeight>> find = new(StringComparer.Ordinal)
        {
            [CanonicalWeights.ClassToken] = w => new(w, names.ClassToken, [1, 1, vit.Dim]),
            [CanonicalWeights.PositionEmbedding] = w => new(w, names.PositionEmbedding, [1, positions, vit.Dim]),
            [CanonicalWeights.PatchEmbeddingWeight] = w => new(w, $"{names.PatchEmbedding}.weight", w.Shape),
            [CanonicalWeights.PatchEmbeddingBias] = w => new(w, $"{names.PatchEmbedding}.bias", w.Shape),
        };
        string? norm = vit.FinalNorm == VitFinalNorm.AfterPooling ? names.PooledNorm : names.FinalNorm;
        find[CanonicalWeights.NormWeight] = w => new(w, $"{norm}.weight", w.Shape);
        find[CanonicalWeights.NormBias] = w => new(w, $"{norm}.bias", w.Shape);
        for (int i = 0; i < vit.Depth; i++)
        {
            int layer = i;
            for (int n = 1; n <= 2; n++)
                foreach (string part in (string[])["weight", "bias"])
                {
                    string name = names.LayerName(layer, $"{names.LayerNorms[n - 1]}.{part}");
                    find[CanonicalWeights.LayerNorm(layer, n, part)] = w => new(w, name, w.Shape);
                }
            foreach (VitLinear linear in VitLinears.All)
            {
                LinearId id = new(layer, linear);
                find[CanonicalWeights.LinearWeight(id)] = w => LinearWeight(names, id, w);
                find[CanonicalWeights.LinearBias(id)] = w => LinearBias(names, id, w);
            }
        }
        return [.. CanonicalWeights.Of(vit).Select(w => find[w.Name](w))];
    }

    private static CheckpointWeight LinearWeight(CheckpointNames names, LinearId id, CanonicalWeight weight)
    {
        (long input, long output) = (weight.Shape[0], weight.Shape[1]);
        (int thirds, int third) = Fused(names, id.Linear);
        return new(weight, names.LinearName(id, "weight"), [thirds * output, input], third * output * input, Transpose: true);
    }

    private static CheckpointWeight LinearBias(CheckpointNames names, LinearId id, CanonicalWeight bias)
    {
        (int thirds, int third) = Fused(names, id.Linear);
        return new(bias, names.LinearName(id, "bias"), [thirds * bias.Shape[0]], third * bias.Shape[0]);
    }

    private static (int Thirds, int Third) Fused(CheckpointNames names, VitLinear linear) =>
        names.FusedQkv && linear is (VitLinear.Query or VitLinear.Key or VitLinear.Value) ? (3, (int)linear) : (1, 0);
}
