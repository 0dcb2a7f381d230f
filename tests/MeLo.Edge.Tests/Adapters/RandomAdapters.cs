using MeLo.Edge.Adapters;

namespace MeLo.Edge.Tests.Adapters;

/// <summary>Deterministic adapters of any shape.</summary>
internal static class RandomAdapters
{
    public static float[] Values(Random random, long count, float spread = 1)
    {
        float[] values = new float[count];
        for (int i = 0; i < values.Length; i++) values[i] = ((2 * random.NextSingle()) - 1) * spread;
        return values;
    }

    public static LoraPair Pair(Random random, LinearId target, int rank, int inFeatures, int outFeatures) =>
        new(target, rank, inFeatures, outFeatures, Values(random, (long)rank * inFeatures), Values(random, (long)outFeatures * rank));

    public static TaskHead Head(Random random, int classes, int dim) => new(classes, dim, Values(random, (long)classes * dim), Values(random, classes));

    public static LoraPair[] Pairs(Random random, int rank, int dim, int depth, params VitLinear[] targets) =>
        [.. from layer in Enumerable.Range(0, depth) from target in targets select Pair(random, new LinearId(layer, target), rank, target == VitLinear.Fc2 ? 4 * dim : dim, target == VitLinear.Fc1 ? 4 * dim : dim)];
}
