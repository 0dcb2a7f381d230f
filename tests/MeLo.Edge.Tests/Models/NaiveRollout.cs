using MeLo.Edge.Adapters;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

/// <summary>Attention rollout as the paper writes it (arXiv 2005.00928, section 3), of the naive twin with an adapter: whole matrices multiplied up the blocks, in double precision.</summary>
internal sealed class NaiveRollout(RandomVit vit, LoraAdapter adapter)
{
    /// <summary>What the pooling reads of every token, [tokens].</summary>
    public double[] Shares(float[] pixels)
    {
        VitArchitecture shape = vit.Architecture;
        NaiveAdaptedVit model = new(vit, adapter);
        model.Features(pixels);
        int tokens = shape.Tokens;
        double[][]? rollout = null;
        foreach (double[][] attention in model.MeanAttention)
        {
            double[][] withResidual = [.. attention.Select((row, i) => row.Select((share, j) => (share + (i == j ? 1 : 0)) / 2).ToArray())];
            rollout = rollout is null ? withResidual : Product(withResidual, rollout);
        }
        if (shape.Pooling == VitPooling.ClassToken) return rollout![0];
        double[][] patches = rollout![shape.PrefixTokens..];
        return [.. Enumerable.Range(0, tokens).Select(t => patches.Average(row => row[t]))];
    }

    private static double[][] Product(double[][] a, double[][] b) => [.. a.Select(row => Enumerable.Range(0, b.Length).Select(j => row.Select((v, k) => v * b[k][j]).Sum()).ToArray())];
}
