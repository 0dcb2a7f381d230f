using System.Globalization;
using MeLo.Edge.Adapters;

namespace MeLo.Edge.Tests.Models;

/// <summary>The naive twin with an adapter beside its weights: W x + s·B (A x) for every linear that has a pair, as PEFT runs it unmerged, in double precision.</summary>
internal sealed class NaiveAdaptedVit(RandomVit vit, LoraAdapter adapter) : NaiveVit(vit)
{
    private static readonly string[] s_linears = ["q", "k", "v", "o", "fc1", "fc2"];

    private readonly Dictionary<string, LoraPair> _pairs =
        adapter.Pairs.ToDictionary(p => string.Create(CultureInfo.InvariantCulture, $"{p.Target.Layer}.{s_linears[(int)p.Target.Linear]}"));

    /// <summary>One image's logits.</summary>
    public float[] Logits(float[] pixels)
    {
        float[] features = Features(pixels);
        return [.. Enumerable.Range(0, adapter.Head.Classes).Select(c =>
            (float)(adapter.Head.Bias[c] + features.Select((f, d) => (double)f * adapter.Head.Weight[(c * features.Length) + d]).Sum()))];
    }

    protected override double[][] Linear(double[][] x, string name)
    {
        double[][] y = base.Linear(x, name);
        if (!_pairs.TryGetValue(name, out LoraPair? pair)) return y;
        for (int t = 0; t < x.Length; t++)
            for (int r = 0; r < pair.Rank; r++)
            {
                double down = 0;
                for (int i = 0; i < pair.InFeatures; i++) down += (double)pair.A[(r * pair.InFeatures) + i] * x[t][i];
                for (int o = 0; o < pair.OutFeatures; o++) y[t][o] += adapter.Scale * (double)pair.B[(o * pair.Rank) + r] * down;
            }
        return y;
    }
}
