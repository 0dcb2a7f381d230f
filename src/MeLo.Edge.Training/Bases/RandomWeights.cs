using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Training.Bases;

/// <summary>
/// The weights that pretraining starts from, as the reference implementation of Vision Transformers has them (google-research/vision_transformer): linears uniform by Glorot
/// and Bengio's rule (AISTATS 2010, equation 16), biases and the class token zero, positions with a deviation of 0.02, gains one.
/// </summary>
internal static class RandomWeights
{
    private const double PositionDeviation = 0.02;

    /// <summary>Writes canonical weights, F32.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="vit">The architecture.</param>
    /// <param name="seed">The same seed gives the same weights.</param>
    public static void Write(Stream stream, VitArchitecture vit, ulong seed) =>
        SafetensorsWriter.Write(stream, [.. CanonicalWeights.Of(vit).Select(weight => TensorSource.FromSingles(weight.Name, weight.Shape, Values(weight, vit, seed)))]);

    private static float[] Values(CanonicalWeight weight, VitArchitecture vit, ulong seed)
    {
        float[] values = new float[weight.ElementCount];
        SplitMix64 random = new(SplitMix64.Seed([seed, .. weight.Name.Select(c => (ulong)c)]));
        if (weight.Name == CanonicalWeights.PositionEmbedding) FillUniform(PositionDeviation * Math.Sqrt(3));
        else if (weight.Name == CanonicalWeights.PatchEmbeddingWeight) FillUniform(Math.Sqrt(6.0 / (vit.Dim + (weight.ElementCount / vit.Dim))));
        else if (weight.Shape.Count == 2) FillUniform(Math.Sqrt(6.0 / (weight.Shape[0] + weight.Shape[1])));
        else if (weight.Name.Contains("norm", StringComparison.Ordinal) && weight.Name.EndsWith(".weight", StringComparison.Ordinal)) Array.Fill(values, 1);
        return values;

        void FillUniform(double bound)
        {
            for (int i = 0; i < values.Length; i++) values[i] = (float)random.Between(-bound, bound);
        }
    }
}
