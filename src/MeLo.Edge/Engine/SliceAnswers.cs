using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Engine;

/// <summary>Makes one answer of those to a volume's slices.</summary>
internal static class SliceAnswers
{
    // Below it a probability is taken for none: its logarithm still is a finite logit.
    private const double Least = 1e-30;

    /// <summary>The volume's logits and probabilities, [labels] each. Of an aggregation of probabilities the logits are those that the activation makes the same probabilities of.</summary>
    /// <param name="logits">[slices, classes], finite.</param>
    /// <param name="aggregation">How they become one.</param>
    /// <param name="activation">The head's.</param>
    /// <param name="adapter">Whose head gave them.</param>
    public static (float[] Logits, double[] Probabilities) Aggregate(ReadOnlySpan<float> logits, SliceAggregation aggregation, HeadActivation activation, LoraAdapter adapter)
    {
        if (aggregation is SliceAggregation.MeanProbabilities or SliceAggregation.MaxProbabilities)
        {
            double[] probabilities = OfProbabilities(logits, adapter.Head.Classes, aggregation, activation);
            return ([.. probabilities.Select(p => (float)(activation == HeadActivation.Softmax ? Math.Log(Math.Max(p, Least)) : Math.Log(Math.Max(p, Least)) - Math.Log(Math.Max(1 - p, Least))))], probabilities);
        }
        float[] one = aggregation == SliceAggregation.Linear ? Linear(logits, adapter.SliceHead!) : OfLogits(logits, adapter.Head.Classes, aggregation);
        return (one, Activations.Apply(activation, one));
    }

    private static float[] Linear(ReadOnlySpan<float> logits, TaskHead head)
    {
        float[] one = new float[head.Classes];
        for (int c = 0; c < one.Length; c++)
        {
            double sum = head.Bias[c];
            for (int i = 0; i < head.Dim; i++) sum += (double)logits[i] * head.Weight[(c * head.Dim) + i];
            one[c] = (float)sum;
        }
        return one;
    }

    private static float[] OfLogits(ReadOnlySpan<float> logits, int classes, SliceAggregation aggregation)
    {
        double[] one = new double[classes];
        if (aggregation == SliceAggregation.MaxLogits) Array.Fill(one, double.NegativeInfinity);
        for (int i = 0; i < logits.Length; i++)
        {
            ref double value = ref one[i % classes];
            if (aggregation == SliceAggregation.MaxLogits) value = Math.Max(value, logits[i]);
            else value += logits[i] * ((double)classes / logits.Length);
        }
        return [.. one.Select(v => (float)v)];
    }

    private static double[] OfProbabilities(ReadOnlySpan<float> logits, int classes, SliceAggregation aggregation, HeadActivation activation)
    {
        double[] one = new double[classes];
        int slices = logits.Length / classes;
        for (int slice = 0; slice < slices; slice++)
        {
            double[] own = Activations.Apply(activation, logits.Slice(slice * classes, classes));
            for (int c = 0; c < classes; c++) one[c] = aggregation == SliceAggregation.MaxProbabilities ? Math.Max(one[c], own[c]) : one[c] + (own[c] / slices);
        }
        if (aggregation != SliceAggregation.MaxProbabilities || activation != HeadActivation.Softmax) return one;
        double sum = one.Sum();
        return [.. one.Select(p => p / sum)];
    }
}
