using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Models;

/// <summary>Adapters that have nothing in common but the base.</summary>
internal static class MixedTasks
{
    /// <summary>Four tasks of other ranks, classes, scales and linears each; the last leaves no linear alone.</summary>
    public static LoraAdapter[] Every(VitArchitecture vit) =>
    [
        Adapter(vit, seed: 1, rank: 4, classes: 2, scale: 1, VitLinear.Query, VitLinear.Value),
        Adapter(vit, seed: 2, rank: 1, classes: 5, scale: 2, VitLinear.Key, VitLinear.Output, VitLinear.Fc2),
        Adapter(vit, seed: 3, rank: 9, classes: 1, scale: -0.5f, VitLinear.Fc1),
        Adapter(vit, seed: 4, rank: 3, classes: 14, scale: 1.5f, [.. VitLinears.All]),
    ];

    /// <param name="vit">The base's architecture.</param>
    /// <param name="seed">The same gives the same adapter.</param>
    /// <param name="rank">The rank of the query's pairs; every other linear's is one more than that of the one before.</param>
    /// <param name="classes">The head's.</param>
    /// <param name="scale">The factor of B·A.</param>
    /// <param name="targets">The linears that it changes in every block.</param>
    public static LoraAdapter Adapter(VitArchitecture vit, int seed, int rank, int classes, float scale, params VitLinear[] targets)
    {
        Random random = new(seed);
        List<LoraPair> pairs = [];
        for (int layer = 0; layer < vit.Depth; layer++)
            foreach (VitLinear target in targets)
            {
                (int input, int output) = vit.LinearShape(target);
                int own = rank + (int)target;
                pairs.Add(new LoraPair(new LinearId(layer, target), own, input, output,
                    RandomAdapters.Values(random, own * input, 0.2f), RandomAdapters.Values(random, output * own, 0.2f)));
            }
        return new LoraAdapter(scale, pairs, RandomAdapters.Head(random, classes, vit.Dim));
    }
}
