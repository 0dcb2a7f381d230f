using MeLo.Edge.Adapters;
using MeLo.Edge.Kernels;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// Writes the int8 graph's own weights: the patch embedding, and every linear that no task changes, turned where its input is
/// (<see cref="ByteGraph.ReadsRotated"/>), quantised as a merge on the device would.
/// </summary>
internal static unsafe class QuantizedWeightsFile
{
    /// <param name="path">The safetensors file to write.</param>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The weights, under canonical names.</param>
    /// <param name="linears">The linears.</param>
    /// <param name="grams">What their inputs have in common, for rounding that makes up for its errors; null for plain rounding.</param>
    /// <param name="progress">Told after each linear.</param>
    /// <param name="cancellation">Ends it between two linears; the file is then incomplete.</param>
    public static void Write(
        string path, VitArchitecture vit, SafetensorsFile weights, IReadOnlyCollection<LinearId> linears, InputGrams? grams = null,
        StepProgress? progress = null, CancellationToken cancellation = default)
    {
        PackedMatrix patches = VitGraph.PatchShape(vit);
        List<TensorSource> tensors =
        [
            new TensorSource(CanonicalWeights.PatchEmbeddingWeight, ElementType.U8, [patches.Panels, patches.PanelBytes],
                to => to.Write(Quantize(Transposition.Of(weights[CanonicalWeights.PatchEmbeddingWeight].ToSingles(), vit.Dim), patches))), // [dim,3,p,p] there
        ];
        foreach (LinearId id in linears)
        {
            (int input, int output) = vit.LinearShape(id.Linear);
            PackedMatrix shape = new(input, output);
            // Quantised when its turn to be written comes: one linear in memory at a time.
            tensors.Add(new TensorSource(CanonicalWeights.LinearWeight(id), ElementType.U8, [shape.Panels, shape.PanelBytes],
                to =>
                {
                    cancellation.ThrowIfCancellationRequested();
                    to.Write(Quantize(weights[CanonicalWeights.LinearWeight(id)].ToSingles(), shape, ByteGraph.ReadsRotated(id.Linear), grams?[id]));
                    progress?.Add(1);
                }));
        }
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        SafetensorsWriter.Write(file, tensors);
        file.Flush(flushToDisk: true);
    }

    private static byte[] Quantize(float[] values, PackedMatrix shape, bool rotated = false, IReadOnlyList<double[]>? grams = null)
    {
        byte[] packed = new byte[shape.ByteLength];
        if (rotated) Rotation.Weights(values, shape.OutFeatures);
        if (grams is not null) CompensatedRounding.Round(values, shape.OutFeatures, rotated ? [.. grams.Select(Rotation.Gram)] : grams);
        fixed (float* from = values)
        fixed (byte* to = packed) QuantizedMerge.Run([new RoundedMergeItem(from, shape.InFeatures, shape.OutFeatures, to)], Environment.ProcessorCount);
        return packed;
    }
}
