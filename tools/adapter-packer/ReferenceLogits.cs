using System.Runtime.InteropServices;
using MeLo.Edge.Tensors;

namespace AdapterPacker;

/// <summary>A reference file: inputs, and the logits that PyTorch computed for them.</summary>
/// <param name="Pixels">[n, 3, h, w].</param>
/// <param name="PixelShape">The four dimensions.</param>
/// <param name="Logits">[n, classes].</param>
/// <param name="Classes">The number of classes.</param>
/// <param name="Labels">[n], the index of each input's true class, where the file has them.</param>
internal sealed record ReferenceLogits(float[] Pixels, long[] PixelShape, float[] Logits, int Classes, int[]? Labels = null)
{
    private const string PixelsName = "pixel_values";
    private const string LogitsName = "logits";
    private const string LabelsName = "labels";

    /// <summary>The number of inputs.</summary>
    public int Inputs => (int)PixelShape[0];

    /// <summary>Reads <c>pixel_values</c>, <c>logits.&lt;task&gt;</c>, or <c>logits</c> where that is not there, and <c>labels</c> if there are any.</summary>
    public static ReferenceLogits Read(string path, string task)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        TensorView pixels = PixelsOf(file, path);
        if (!file.Tensors.TryGetValue($"{LogitsName}.{task}", out TensorView? logits) && !file.Tensors.TryGetValue(LogitsName, out logits))
            throw RefusedException.File(path, $"found neither '{LogitsName}.{task}' nor '{LogitsName}', expected the logits of task {task}");
        if (logits.Shape.Count != 2 || logits.Shape[0] != pixels.Shape[0] || logits.Shape[1] is < 1 or > int.MaxValue)
            throw RefusedException.File(path, $"tensor '{logits.Name}': found shape {logits.ShapeText}, expected [{pixels.Shape[0]},classes]");
        CheckFinite(path, logits);
        return new ReferenceLogits(pixels.ToSingles(), [.. pixels.Shape], logits.ToSingles(), (int)logits.Shape[1], ReadLabels(file, path, pixels.Shape[0], logits.Shape[1]));
    }

    /// <summary>Reads <c>pixel_values</c> alone.</summary>
    public static (float[] Pixels, long[] Shape) ReadPixels(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        TensorView pixels = PixelsOf(file, path);
        return (pixels.ToSingles(), [.. pixels.Shape]);
    }

    private static TensorView PixelsOf(SafetensorsFile file, string path)
    {
        TensorView pixels = file[PixelsName];
        if (pixels.Shape is not [> 0 and <= int.MaxValue, 3, > 0, > 0])
            throw RefusedException.File(path, $"tensor '{PixelsName}': found shape {pixels.ShapeText}, expected [n,3,height,width]");
        CheckFinite(path, pixels);
        return pixels;
    }

    private static void CheckFinite(string path, TensorView tensor)
    {
        if (!tensor.IsFinite()) throw RefusedException.File(path, $"tensor '{tensor.Name}': holds a value that is not finite");
    }

    private static int[]? ReadLabels(SafetensorsFile file, string path, long inputs, long classes)
    {
        if (!file.Tensors.TryGetValue(LabelsName, out TensorView? tensor)) return null;
        if (tensor.Type != ElementType.I64 || tensor.Shape is not [var count] || count != inputs)
            throw RefusedException.File(path, $"tensor '{LabelsName}': found {tensor.Type.ToString().ToUpperInvariant()} {tensor.ShapeText}, expected I64 [{inputs}]");
        long[] labels = MemoryMarshal.Cast<byte, long>(tensor.Bytes).ToArray();
        foreach (long label in labels)
            if (label < 0 || label >= classes) throw RefusedException.File(path, $"tensor '{LabelsName}': found {label}, expected 0 to {classes - 1}");
        return [.. labels.Select(label => (int)label)];
    }
}
