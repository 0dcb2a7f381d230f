using MeLo.Edge.Bundles;

namespace MeLo.Edge.Engine;

/// <summary>From logits to probabilities, in double precision.</summary>
internal static class Activations
{
    /// <summary>Softmax: one label is right, the probabilities add up to 1. Sigmoid: every label for itself.</summary>
    public static double[] Apply(HeadActivation activation, ReadOnlySpan<float> logits)
    {
        double[] result = new double[logits.Length];
        if (activation == HeadActivation.Sigmoid)
        {
            for (int i = 0; i < result.Length; i++) result[i] = 1 / (1 + Math.Exp(-(double)logits[i]));
            return result;
        }
        double largest = double.NegativeInfinity, sum = 0;
        foreach (float logit in logits) largest = Math.Max(largest, logit);
        for (int i = 0; i < result.Length; i++) sum += result[i] = Math.Exp(logits[i] - largest);
        for (int i = 0; i < result.Length; i++) result[i] /= sum;
        return result;
    }
}
