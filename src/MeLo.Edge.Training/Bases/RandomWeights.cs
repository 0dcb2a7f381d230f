using System.Numerics.Tensors;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Training.Bases;

/// <summary>
/// The weights that pretraining starts from. Linears are uniform by Glorot and Bengio's rule (AISTATS 2010, equation 16), biases and the class token zero, gains one. Attention begins as
/// it looks in trained models (Trockman and Kolter, "Mimetic initialization of self-attention layers", ICML 2023): query times key is near the identity, so that tokens look at those that
/// are like them, value times output near minus the identity, and positions are waves, so that neighbours are alike. A small model on few pictures learns faster from there (docs/decisions/0015-training.md).
/// </summary>
internal static class RandomWeights
{
    // The root mean square that a token of that size has behind a linear.
    private const double QueryGain = 0.9, ValueGain = 0.63;

    // How far a matrix is from the one that it is like.
    private const double Difference = 0.5;

    private const double WaveHeight = 0.5;

    // The fastest wave turns by a radian a patch, the slowest by one over this.
    private const double SlowestWave = 50;

    /// <summary>Writes canonical weights, F32.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="vit">The architecture.</param>
    /// <param name="seed">The same seed gives the same weights.</param>
    public static void Write(Stream stream, VitArchitecture vit, ulong seed)
    {
        Dictionary<string, float[]> attention = [];
        for (int layer = 0; layer < vit.Depth; layer++)
        {
            float[] query = Add(VitLinear.Query, QueryGain, _ => 0), value = Add(VitLinear.Value, ValueGain, _ => 0);
            Add(VitLinear.Key, QueryGain * Difference, i => query[i]);
            Add(VitLinear.Output, ValueGain * Difference, i => -value[(i % vit.Dim * vit.Dim) + (i / vit.Dim)]);

            float[] Add(VitLinear linear, double gain, Func<int, float> like)
            {
                string name = CanonicalWeights.LinearWeight(new LinearId(layer, linear));
                float[] values = Uniform(name, vit.Dim * vit.Dim, gain * Math.Sqrt(3.0 / vit.Dim), seed);
                for (int i = 0; i < values.Length; i++) values[i] += like(i);
                attention.Add(name, values);
                return values;
            }
        }
        SafetensorsWriter.Write(stream, [.. CanonicalWeights.Of(vit).Select(w => TensorSource.FromSingles(w.Name, w.Shape, attention.GetValueOrDefault(w.Name) ?? Values(w, vit, seed)))]);
    }

    private static float[] Values(CanonicalWeight weight, VitArchitecture vit, ulong seed)
    {
        if (weight.Name == CanonicalWeights.PositionEmbedding) return Waves(vit);
        if (weight.Name == CanonicalWeights.PatchEmbeddingWeight) return Glorot(weight.ElementCount / vit.Dim, vit.Dim);
        if (weight.Shape.Count == 2) return Glorot(weight.Shape[0], weight.Shape[1]);
        float[] values = new float[weight.ElementCount];
        if (weight.Name.Contains("norm", StringComparison.Ordinal) && weight.Name.EndsWith(".weight", StringComparison.Ordinal)) Array.Fill(values, 1);
        return values;

        float[] Glorot(long input, long output) => Uniform(weight.Name, (int)weight.ElementCount, Math.Sqrt(6.0 / (input + output)), seed);
    }

    private static float[] Uniform(string name, int count, double bound, ulong seed)
    {
        SplitMix64 random = new(SplitMix64.Seed([seed, .. name.Select(c => (ulong)c)]));
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = (float)random.Between(-bound, bound);
        return values;
    }

    // [tokens, dim]: a quarter of the width each for sine and cosine of the column and of the row (Vaswani et al., 2017, section 3.5, in two dimensions). Nothing for the class token.
    private static float[] Waves(VitArchitecture vit)
    {
        float[] values = new float[vit.Tokens * vit.Dim];
        int quarter = vit.Dim / 4;
        for (int patch = 0; patch < vit.Grid * vit.Grid; patch++)
        {
            Span<float> token = values.AsSpan((vit.PrefixTokens + patch) * vit.Dim, vit.Dim);
            for (int wave = 0; wave < quarter; wave++)
            {
                double speed = Math.Pow(SlowestWave, -(double)wave / quarter);
                (double sine, double cosine) = Math.SinCos(speed * (patch % vit.Grid));
                (token[wave], token[quarter + wave]) = ((float)sine, (float)cosine);
                (sine, cosine) = Math.SinCos(speed * (patch / vit.Grid));
                (token[(2 * quarter) + wave], token[(3 * quarter) + wave]) = ((float)sine, (float)cosine);
            }
        }
        TensorPrimitives.Multiply(values, (float)WaveHeight, values);
        return values;
    }
}
