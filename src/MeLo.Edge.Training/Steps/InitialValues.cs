using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using MeLo.Edge.Training.Graphs;

namespace MeLo.Edge.Training.Steps;

/// <summary>What parameters start from: the base's weights where it has them, else what their kind starts from. The same for the same seed and name.</summary>
internal static class InitialValues
{
    // Small beside the features, whose elements are about 1: the first answers say nothing, and the first gradients point somewhere.
    private const double HeadDeviation = 0.01;

    /// <summary>The values of one parameter, row-major.</summary>
    public static float[] Of(Parameter parameter, SafetensorsFile weights, ulong seed)
    {
        if (weights.Tensors.TryGetValue(parameter.Name, out TensorView? tensor)) return tensor.ToSingles();
        float[] values = new float[parameter.ElementCount];
        SplitMix64 random = new(SplitMix64.Seed([seed, .. parameter.Name.Select(c => (ulong)c)]));
        if (parameter.Name.EndsWith(".lora_a", StringComparison.Ordinal))
        {
            // Hu et al. (arXiv 2106.09685) and LoRA-ViT: A as nn.Linear starts its weights, B at zero, so that the adapted model starts as the base.
            double bound = 1 / Math.Sqrt(parameter.Shape[0]);
            for (int i = 0; i < values.Length; i++) values[i] = (float)random.Between(-bound, bound);
        }
        else if (parameter.Name == VitGraph.HeadWeight)
        {
            for (int i = 0; i < values.Length; i++) values[i] = (float)(HeadDeviation * Math.Sqrt(12) * random.Between(-0.5, 0.5));
        }
        return values;
    }
}
