using System.Text.Json.Nodes;
using MeLo.Edge.Models;

namespace AdapterPacker;

/// <summary>What a reference set shows of one precision.</summary>
/// <param name="Precision">The graph that ran.</param>
/// <param name="Comparison">Its logits against the reference's.</param>
/// <param name="Accuracy">The share of inputs whose top-1 class is the labelled one; null without labels.</param>
/// <param name="Auc">The area under the ROC curve, its mean over the classes that have labels of both kinds; null without labels.</param>
internal sealed record PrecisionResult(Precision Precision, LogitComparison Comparison, double? Accuracy, double? Auc)
{
    public static PrecisionResult Of(Precision precision, float[] logits, ReferenceLogits reference)
    {
        LogitComparison comparison = LogitComparison.Of(logits, reference.Logits, reference.Classes);
        return reference.Labels is { } labels
            ? new PrecisionResult(precision, comparison, LabelScores.Accuracy(logits, labels, reference.Classes), LabelScores.MeanAuc(logits, labels, reference.Classes))
            : new PrecisionResult(precision, comparison, null, null);
    }

    public JsonObject ToJson()
    {
        JsonObject json = new()
        {
            // JSON has no infinity: logits that are not finite have no difference to report.
            ["largestDifference"] = Finite(Comparison.LargestDifference),
            ["meanDifference"] = Finite(Comparison.MeanDifference),
            ["largestReference"] = Comparison.LargestReference,
            ["ratio"] = Finite(Comparison.Ratio),
            ["smallestCosine"] = Finite(Comparison.SmallestCosine),
            ["top1Agreeing"] = Comparison.Agreeing,
        };
        if (Accuracy is { } accuracy) json["accuracy"] = accuracy;
        if (Auc is { } auc) json["auc"] = Finite(auc);
        return json;
    }

    private static JsonNode? Finite(double value) => double.IsFinite(value) ? value : null;
}
