using System.Runtime.InteropServices;
using MeLo.Edge.Adapters;
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
            // Quantised when its turn to be written comes, the scales first: one linear in memory at a time.
            Lazy<(sbyte[] Weight, float[] Scale)> quantized = new(() => Quantize(weights[CanonicalWeights.LinearWeight(id)], input, output));
            tensors.Add(new TensorSource(QuantizedBase.Scale(id), ElementType.F32, [output], to => to.Write(MemoryMarshal.AsBytes(quantized.Value.Scale.AsSpan()))));
            tensors.Add(new TensorSource(CanonicalWeights.LinearWeight(id), ElementType.I8, [input, output], to => to.Write(MemoryMarshal.AsBytes(quantized.Value.Weight.AsSpan()))));
        }
        using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        SafetensorsWriter.Write(file, tensors);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Symmetric to eight bits, one scale a column.</summary>
    private static (sbyte[] Weight, float[] Scale) Quantize(TensorView weight, int input, int output)
    {
        sbyte[] bytes = new sbyte[input * output];
        float[] scales = new float[output];
        fixed (float* from = weight.ToSingles())
        fixed (sbyte* to = bytes)
        fixed (float* scale = scales) QuantizedMerge.Run([new QuantizedMergeItem(from, input, output, to, scale)], Environment.ProcessorCount);
        return (bytes, scales);
    }
}
