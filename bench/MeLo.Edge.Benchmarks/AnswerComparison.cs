using System.Numerics.Tensors;
using System.Text.Json.Nodes;
using AdapterPacker;

namespace MeLo.Edge.Benchmarks;

/// <summary>The logits of the same pictures in two precisions, side by side.</summary>
/// <param name="Fp32">One row a picture.</param>
/// <param name="Int8">Likewise.</param>
/// <param name="Labels">The class of each picture, where known.</param>
internal sealed record AnswerComparison(float[][] Fp32, float[][] Int8, int[]? Labels = null)
{
    /// <summary>A row of the report.</summary>
    /// <param name="pictures">What the pictures are.</param>
    /// <param name="head">Where the head, and with a trained one the adapter, is from.</param>
    public JsonObject Row(string pictures, string head)
    {
        int agreeing = Fp32.Zip(Int8, (a, b) => TensorPrimitives.IndexOfMax<float>(a) == TensorPrimitives.IndexOfMax<float>(b)).Count(same => same);
        double[] cosines = [.. Fp32.Zip(Int8, (a, b) => (double)TensorPrimitives.CosineSimilarity<float>(a, b))];
        JsonObject row = new()
        {
            ["pictures"] = pictures, ["head"] = head, ["count"] = Fp32.Length, ["changed"] = Fp32.Length - agreeing,
            ["top1_agreement"] = Math.Round((double)agreeing / Fp32.Length, 4),
            ["cosine"] = Math.Round((double)TensorPrimitives.CosineSimilarity<float>(Flat(Fp32), Flat(Int8)), 5),
            ["smallest_cosine"] = Math.Round(cosines.Min(), 5), ["mean_cosine"] = Math.Round(cosines.Average(), 5),
        };
        if (Labels is null) return row;
        row["fp32_accuracy"] = Math.Round(LabelScores.Accuracy(Flat(Fp32), Labels, Fp32[0].Length), 4);
        row["int8_accuracy"] = Math.Round(LabelScores.Accuracy(Flat(Int8), Labels, Fp32[0].Length), 4);
        row["fp32_auc"] = Math.Round(LabelScores.MeanAuc(Flat(Fp32), Labels, Fp32[0].Length), 4);
        row["int8_auc"] = Math.Round(LabelScores.MeanAuc(Flat(Int8), Labels, Fp32[0].Length), 4);
        return row;
    }

    private static float[] Flat(float[][] rows) => [.. rows.SelectMany(r => r)];
}
