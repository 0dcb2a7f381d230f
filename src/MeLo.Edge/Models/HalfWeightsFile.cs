using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// Writes the fp16 graph's own weights: the canonical ones rounded to binary16, to the nearest, ties to even. Not among them are those that a task changes,
/// which a device rounds after the merge, and the final norm's, which the graph computes in binary32.
/// </summary>
internal static class HalfWeightsFile
{
    // Elements rounded at a time: both forms of them fit into a first-level cache.
    private const int Piece = 4096;

    /// <param name="path">The safetensors file to write.</param>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The weights, under canonical names.</param>
    /// <param name="adaptable">The linears whose weights are inputs of the graph.</param>
    /// <param name="cancellation">Ends it between two weights; the file is then incomplete.</param>
    /// <exception cref="ModelException">A weight is beyond what binary16 holds, also one that a device would round.</exception>
    public static void Write(string path, VitArchitecture vit, SafetensorsFile weights, IReadOnlyCollection<LinearId> adaptable, CancellationToken cancellation = default)
    {
        HashSet<string> inputs = [.. adaptable.Select(CanonicalWeights.LinearWeight)];
        List<TensorSource> tensors = [];
        foreach (CanonicalWeight weight in CanonicalWeights.Of(vit))
        {
            if (weight.Name is CanonicalWeights.NormWeight or CanonicalWeights.NormBias) continue;
            if (inputs.Contains(weight.Name)) Round(weights[weight.Name], Stream.Null, cancellation);
            else tensors.Add(new TensorSource(weight.Name, ElementType.F16, weight.Shape, to => Round(weights[weight.Name], to, cancellation)));
        }
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        SafetensorsWriter.Write(file, tensors);
        file.Flush(flushToDisk: true);
    }

    private static void Round(TensorView weight, Stream to, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Span<float> values = new float[Piece];
        Span<Half> rounded = new Half[Piece];
        for (long at = 0; at < weight.ElementCount; at += Piece)
        {
            Span<float> piece = values[..(int)Math.Min(Piece, weight.ElementCount - at)];
            weight.CopyTo(piece, at);
            float largest = TensorPrimitives.MaxMagnitude<float>(piece);
            // Written so that NaN fails.
            if (!(MathF.Abs(largest) <= (float)Half.MaxValue))
            {
                throw ModelException.Option("precision", string.Create(CultureInfo.InvariantCulture,
                    $"found {largest} in '{weight.Name}', expected at most {(float)Half.MaxValue} in magnitude, which is the largest number of fp16: this model needs another precision"));
            }
            TensorPrimitives.ConvertToHalf(piece, rounded);
            to.Write(MemoryMarshal.AsBytes(rounded[..piece.Length]));
        }
    }
}
