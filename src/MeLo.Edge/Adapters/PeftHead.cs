using MeLo.Edge.Tensors;

namespace MeLo.Edge.Adapters;

/// <summary>The classifier that PEFT saves with an adapter (<c>modules_to_save</c>).</summary>
internal static class PeftHead
{
    /// <summary>Reads the head and says where its bias came from.</summary>
    /// <exception cref="AdapterException">There is no head, or its shapes do not fit.</exception>
    public static (TaskHead Head, string BiasSource) Read(SafetensorsFile file, IReadOnlyDictionary<string, TensorView> tensors, float[]? headBias)
    {
        if (!tensors.TryGetValue("weight", out TensorView? weight))
            throw AdapterException.File(file.Source, "found no head, expected the classifier's weight (modules_to_save): without it the adapter names no classes");
        if (weight.Shape is not [> 0 and <= int.MaxValue, > 0 and <= int.MaxValue])
            throw AdapterException.Tensor(file.Source, weight.Name, $"found shape {weight.ShapeText}, expected [classes,dim]");
        (int classes, int dim) = ((int)weight.Shape[0], (int)weight.Shape[1]);
        tensors.TryGetValue("bias", out TensorView? bias);
        if (bias is not null && (bias.Shape.Count != 1 || bias.Shape[0] != classes))
            throw AdapterException.Tensor(file.Source, bias.Name, $"found shape {bias.ShapeText}, expected [{classes}]");
        if (headBias is not null && bias is not null)
            throw AdapterException.Tensor(file.Source, bias.Name, "the adapter has a head bias of its own, expected no other to be given");
        if (headBias is not null && headBias.Length != classes)
            throw AdapterException.File(file.Source, $"found a head bias of {headBias.Length} values, expected {classes} as the head has classes");
        string source = bias is not null ? ImportedAdapter.AdapterBias : headBias is not null ? ImportedAdapter.FileBias : ImportedAdapter.ZeroBias;
        try
        {
            return (new TaskHead(classes, dim, weight.ToSingles(), bias?.ToSingles() ?? headBias ?? new float[classes]), source);
        }
        catch (AdapterException e)
        {
            throw AdapterException.File(file.Source, e.Message, e);
        }
    }
}
