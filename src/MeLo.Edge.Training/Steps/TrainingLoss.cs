using MeLo.Edge.Training.Graphs;

namespace MeLo.Edge.Training.Steps;

/// <summary>The loss of logits that are known, as the step's graph has it.</summary>
internal static class TrainingLoss
{
    /// <param name="kind">The loss.</param>
    /// <param name="logits">[samples, classes].</param>
    /// <param name="positive">What -log p (or softplus(-x)) counts, [samples, classes].</param>
    /// <param name="negative">What softplus(x) counts; for binary cross-entropy.</param>
    /// <param name="classes">The number of classes.</param>
    public static double Of(LossKind kind, ReadOnlySpan<float> logits, ReadOnlySpan<float> positive, ReadOnlySpan<float> negative, int classes)
    {
        double loss = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (kind == LossKind.BinaryCrossEntropy) loss += (positive[i] * Softplus(-logits[i])) + (negative[i] * Softplus(logits[i]));
            else loss -= positive[i] * (logits[i] - LogSumExp(logits.Slice(i - (i % classes), classes)));
        }
        return loss;
    }

    private static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    private static double LogSumExp(ReadOnlySpan<float> row)
    {
        double largest = double.NegativeInfinity, sum = 0;
        foreach (float x in row) largest = Math.Max(largest, x);
        foreach (float x in row) sum += Math.Exp(x - largest);
        return largest + Math.Log(sum);
    }
}
