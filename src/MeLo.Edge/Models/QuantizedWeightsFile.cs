using MeLo.Edge.Adapters;
using MeLo.Edge.Kernels;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// Writes the int8 graph's own weights: every linear that no task changes, quantised as a merge on the device would, and what else is not the
/// canonical weights' as it stands.
/// </summary>
internal static unsafe class QuantizedWeightsFile
{
    /// <param name="path">The safetensors file to write.</param>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The weights, under canonical names.</param>
    /// <param name="linears">The linears.</param>
    /// <param name="grams">What their inputs have in common, for rounding that makes up for its errors; null for plain rounding.</param>
    /// <param name="others">The names of further weights that the graph takes from this file, as they are.</param>
    /// <param name="progress">Told after each linear.</param>
    /// <param name="cancellation">Ends it between two linears; the file is then incomplete.</param>
    public static void Write(
        string path, VitArchitecture vit, SafetensorsFile weights, IReadOnlyCollection<LinearId> linears, InputGrams? grams = null, IEnumerable<string>? others = null,
        StepProgress? progress = null, CancellationToken cancellation = default)
    {
        List<TensorSource> tensors = [];
        foreach (LinearId id in linears)
        {
            (int input, int output) = vit.LinearShape(id.Linear);
            PackedMatrix shape = new(input, output);
            // Quantised when its turn to be written comes: one linear in memory at a time.
            tensors.Add(new TensorSource(CanonicalWeights.LinearWeight(id), ElementType.U8, [shape.Panels, shape.PanelBytes],
                to =>
                {
                    cancellation.ThrowIfCancellationRequested();
                    to.Write(Quantize(weights[CanonicalWeights.LinearWeight(id)], shape, grams?[id]));
                    progress?.Add(1);
                }));
        }
        // Behind the packed ones, whose alignment they would spoil.
        foreach (string name in others ?? []) tensors.Add(new TensorSource(name, ElementType.F32, weights[name].Shape, to => to.Write(weights[name].Bytes)));
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        SafetensorsWriter.Write(file, tensors);
        file.Flush(flushToDisk: true);
    }

    private static byte[] Quantize(TensorView weight, PackedMatrix shape, IReadOnlyList<double[]>? grams)
    {
        byte[] packed = new byte[shape.ByteLength];
        float[] values = weight.ToSingles();
        if (grams is not null) CompensatedRounding.Round(values, shape.OutFeatures, grams);
        fixed (float* from = values)
        fixed (byte* to = packed) QuantizedMerge.Run([new QuantizedMergeItem(from, shape.InFeatures, shape.OutFeatures, to)], Environment.ProcessorCount);
        return packed;
    }
}
