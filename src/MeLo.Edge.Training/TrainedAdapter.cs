using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using MeLo.Edge.Training.Optimization;

namespace MeLo.Edge.Training;

/// <summary>What was learnt, as an adapter that a bundle can hold.</summary>
internal static class TrainedAdapter
{
    /// <summary>The low-rank pairs and the head. A head that learnt alone goes with pairs of rank 1 that are zero.</summary>
    /// <param name="vit">The base's architecture.</param>
    /// <param name="settings">How it was trained; with adapters or a head alone.</param>
    /// <param name="parameters">What was learnt.</param>
    /// <param name="temperature">What logits are to be divided by.</param>
    public static LoraAdapter Of(VitArchitecture vit, TrainingSettings settings, IReadOnlyList<LearnedParameter> parameters, double temperature)
    {
        Dictionary<string, float[]> values = Calibrated(parameters, temperature);
        int classes = values[VitGraph.HeadBias].Length;
        TaskHead head = new(classes, vit.Dim, Transposition.Of(values[VitGraph.HeadWeight], vit.Dim), values[VitGraph.HeadBias]);
        return settings.Mode switch
        {
            TrainingMode.Lora => new LoraAdapter((float)(settings.Alpha / settings.Rank), Pairs(settings.Rank, learnt: true), head),
            TrainingMode.Head => new LoraAdapter(1, Pairs(rank: 1, learnt: false), head),
            _ => throw new ArgumentException($"Found the mode {settings.Mode}, expected one that leaves the base as it is.", nameof(settings)),
        };

        List<LoraPair> Pairs(int rank, bool learnt)
        {
            List<LoraPair> pairs = [];
            for (int layer = 0; layer < vit.Depth; layer++)
            {
                foreach (VitLinear linear in settings.Targets)
                {
                    LinearId id = new(layer, linear);
                    (int input, int output) = vit.LinearShape(linear);
                    // The graph has [in, rank] and [rank, out]; adapters are the other way round, as training libraries write them.
                    pairs.Add(learnt
                        ? new LoraPair(id, rank, input, output, Transposition.Of(values[VitGraph.LoraA(id)], input), Transposition.Of(values[VitGraph.LoraB(id)], rank))
                        : new LoraPair(id, rank, input, output, new float[rank * input], new float[output * rank]));
                }
            }
            return pairs;
        }
    }

    /// <summary>What was learnt by name, with the temperature in it: the head is divided by it, as logits are to be (Guo et al., ICML 2017, section 4.2), so that nobody needs to know of it.</summary>
    /// <param name="parameters">What was learnt.</param>
    /// <param name="temperature">What logits are to be divided by.</param>
    public static Dictionary<string, float[]> Calibrated(IReadOnlyList<LearnedParameter> parameters, double temperature) =>
        parameters.ToDictionary(p => p.Name, p => p.Name is VitGraph.HeadWeight or VitGraph.HeadBias ? Divided(p.Values, temperature) : p.Values);

    private static float[] Divided(float[] values, double by) => [.. values.Select(value => (float)(value / by))];
}
