using MeLo.Edge.Adapters;
using MeLo.Edge.Kernels;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>Writes the constant linears of the int8 graph: every linear that no task changes, quantised as a merge on the device would.</summary>
internal static unsafe class QuantizedWeightsFile
{
    /// <param name="path">The safetensors file to write.</param>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights.</param>
    /// <param name="adaptable">The linears to leave out: their weights are inputs.</param>
    public static void Write(string path, VitArchitecture vit, SafetensorsFile weights, IReadOnlyCollection<LinearId> adaptable)
    {
        List<TensorSource> tensors = [];
        foreach (LinearId id in BasePackage.EveryLayer(vit, VitLinears.All).Except(adaptable))
        {
            (int input, int output) = vit.LinearShape(id.Linear);
            PackedMatrix shape = new(input, output);
            // Quantised when its turn to be written comes: one linear in memory at a time.
            tensors.Add(new TensorSource(CanonicalWeights.LinearWeight(id), ElementType.U8, [shape.Panels, shape.PanelBytes],
                to => to.Write(Quantize(weights[CanonicalWeights.LinearWeight(id)], shape))));
        }
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        SafetensorsWriter.Write(file, tensors);
        file.Flush(flushToDisk: true);
    }

    private static byte[] Quantize(TensorView weight, PackedMatrix shape)
    {
        byte[] packed = new byte[shape.ByteLength];
        fixed (float* from = weight.ToSingles())
        fixed (byte* to = packed) QuantizedMerge.Run([new QuantizedMergeItem(from, shape.InFeatures, shape.OutFeatures, to)], Environment.ProcessorCount);
        return packed;
    }
}
