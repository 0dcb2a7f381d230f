using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// The weights of the same model in a form that bytes hold better: what the MLPs read and hide has channels of more equal height side by side, so
/// that the ranges of activations are used better. It costs a run nothing.
/// </summary>
/// <remarks>
/// <para>LayerNorm's features are divided by s and fc1's rows multiplied with it, s being the square root of the feature's root mean square on
/// calibration pictures (SmoothQuant, Xiao et al., arXiv 2211.10438, with a fixed strength of a half).</para>
/// <para>Hidden features are put in order of their root mean square: those that share a range are then of one height.</para>
/// </remarks>
internal static class EqualizedWeights
{
    // Further, and a feature that the pictures hardly showed would be trusted too little or too much.
    private const double LargestFactor = 16;

    /// <summary>The weights that change, besides those of the linears, which are packed.</summary>
    public static IEnumerable<string> Others(VitArchitecture vit) => Enumerable.Range(0, vit.Depth).SelectMany(layer => (string[])
    [
        CanonicalWeights.LayerNorm(layer, 2, "weight"), CanonicalWeights.LayerNorm(layer, 2, "bias"), CanonicalWeights.LinearBias(new LinearId(layer, VitLinear.Fc1)),
    ]);

    /// <summary>Writes them as a file of canonical names.</summary>
    /// <param name="path">The safetensors file to write.</param>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights.</param>
    /// <param name="inputs">Of fc1 and fc2 in every block.</param>
    public static void Write(string path, VitArchitecture vit, SafetensorsFile weights, InputGrams inputs)
    {
        Dictionary<string, Func<float[], float[]>> changes = [];
        for (int layer = 0; layer < vit.Depth; layer++) Add(changes, layer, vit.MlpDim, inputs);
        TensorSource[] tensors = [.. CanonicalWeights.Of(vit).Select(weight => new TensorSource(weight.Name, ElementType.F32, weight.Shape, to =>
        {
            if (changes.TryGetValue(weight.Name, out Func<float[], float[]>? change)) to.Write(MemoryMarshal.AsBytes<float>(change(weights[weight.Name].ToSingles())));
            else to.Write(weights[weight.Name].Bytes);
        }))];
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        SafetensorsWriter.Write(file, tensors);
    }

    private static void Add(Dictionary<string, Func<float[], float[]>> changes, int layer, int hidden, InputGrams inputs)
    {
        LinearId fc1 = new(layer, VitLinear.Fc1), fc2 = new(layer, VitLinear.Fc2);
        float[] factors = Factors(inputs.SquareSums(fc1));
        double[] heights = inputs.SquareSums(fc2);
        int[] order = [.. Enumerable.Range(0, hidden).OrderByDescending(i => heights[i])];
        changes[CanonicalWeights.LayerNorm(layer, 2, "weight")] = changes[CanonicalWeights.LayerNorm(layer, 2, "bias")] = norm =>
        {
            TensorPrimitives.Divide(norm, factors, norm);
            return norm;
        };
        changes[CanonicalWeights.LinearWeight(fc1)] = weight =>
        {
            for (int i = 0; i < factors.Length; i++)
            {
                Span<float> row = weight.AsSpan(i * hidden, hidden);
                float[] ordered = Ordered(row, order, 1);
                TensorPrimitives.Multiply(ordered, factors[i], row);
            }
            return weight;
        };
        changes[CanonicalWeights.LinearBias(fc1)] = bias => Ordered(bias, order, 1);
        changes[CanonicalWeights.LinearWeight(fc2)] = weight => Ordered(weight, order, weight.Length / hidden);
    }

    // Only their ratios matter: with a geometric mean of 1 the weights stay as large as they were.
    private static float[] Factors(double[] squareSums)
    {
        double[] logarithms = [.. squareSums.Select(sum => sum > 0 ? Math.Log(sum) / 4 : 0)];
        double mean = logarithms.Average(), most = Math.Log(LargestFactor);
        return [.. logarithms.Select((logarithm, i) => squareSums[i] > 0 ? (float)Math.Exp(Math.Clamp(logarithm - mean, -most, most)) : 1)];
    }

    private static float[] Ordered(ReadOnlySpan<float> rows, int[] order, int width)
    {
        float[] ordered = new float[rows.Length];
        for (int i = 0; i < order.Length; i++) rows.Slice(order[i] * width, width).CopyTo(ordered.AsSpan(i * width));
        return ordered;
    }
}
