namespace MeLo.Edge.Training.Metrics;

/// <summary>What a model answered for a set of samples, beside the truth. Scores are computed in double precision.</summary>
/// <param name="Logits">[samples, classes], row-major, finite.</param>
/// <param name="Targets">[samples, classes], 1 where the label applies and 0 elsewhere.</param>
/// <param name="Classes">The number of classes, from 1.</param>
/// <param name="IsMultiLabel">Whether probabilities are the sigmoid of each logit instead of the softmax over all.</param>
internal sealed record LabelledLogits(float[] Logits, float[] Targets, int Classes, bool IsMultiLabel)
{
    /// <summary>The number of samples.</summary>
    public int Samples => Logits.Length / Classes;
}
