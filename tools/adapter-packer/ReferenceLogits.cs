using MeLo.Edge.Tensors;

namespace AdapterPacker;

/// <summary>A reference file: inputs, and the logits that PyTorch computed for them.</summary>
/// <param name="Pixels">[n, 3, h, w].</param>
/// <param name="PixelShape">The four dimensions.</param>
/// <param name="Logits">[n, classes].</param>
/// <param name="Classes">The number of classes.</param>
internal sealed record ReferenceLogits(float[] Pixels, long[] PixelShape, float[] Logits, int Classes)
{
    private const string PixelsName = "pixel_values";
    private const string LogitsName = "logits";

    /// <summary>The number of inputs.</summary>
    public int Inputs => (int)PixelShape[0];

    /// <summary>Reads <c>pixel_values</c> and <c>logits.&lt;task&gt;</c>, or <c>logits</c> where that is not there.</summary>
    public static ReferenceLogits Read(string path, string task)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        TensorView pixels = file[PixelsName];
        if (pixels.Shape is not [> 0 and <= int.MaxValue, 3, > 0, > 0])
            throw RefusedException.File(path, $"tensor '{PixelsName}': found shape {pixels.ShapeText}, expected [n,3,height,width]");
        if (!file.Tensors.TryGetValue($"{LogitsName}.{task}", out TensorView? logits) && !file.Tensors.TryGetValue(LogitsName, out logits))
            throw RefusedException.File(path, $"found neither '{LogitsName}.{task}' nor '{LogitsName}', expected the logits of task {task}");
        if (logits.Shape.Count != 2 || logits.Shape[0] != pixels.Shape[0] || logits.Shape[1] is < 1 or > int.MaxValue)
            throw RefusedException.File(path, $"tensor '{logits.Name}': found shape {logits.ShapeText}, expected [{pixels.Shape[0]},classes]");
        foreach (TensorView tensor in (TensorView[])[pixels, logits])
            if (!tensor.IsFinite()) throw RefusedException.File(path, $"tensor '{tensor.Name}': holds a value that is not finite");
        return new ReferenceLogits(pixels.ToSingles(), [.. pixels.Shape], logits.ToSingles(), (int)logits.Shape[1]);
    }
}
