using MeLo.Edge.Training.Graphs;

namespace MeLo.Edge.Training.Steps;

/// <summary>What a frozen base makes of every sample, [samples * slices, dim], worked out once: a head learns from nothing else.</summary>
/// <param name="features">Each sample's, [slices * dim].</param>
/// <param name="slices">Pictures of one sample.</param>
internal sealed class FeatureInputs(IReadOnlyList<float[]> features, int slices) : ISampleInputs
{
    public int Length => features[0].Length;

    public GraphInput[] Fill(IReadOnlyList<int[]> runs, int? epoch, IReadOnlyList<float[]> buffers) => [.. runs.Zip(buffers, (samples, buffer) =>
    {
        for (int i = 0; i < samples.Length; i++) features[samples[i]].CopyTo(buffer, i * Length);
        return new GraphInput(TrainingGraph.FeaturesName, buffer, [samples.Length * (long)slices, Length / slices]);
    })];
}
