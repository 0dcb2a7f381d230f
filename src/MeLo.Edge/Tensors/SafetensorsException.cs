namespace MeLo.Edge.Tensors;

/// <summary>A safetensors file is malformed, or lacks what was asked of it.</summary>
public sealed class SafetensorsException : MeLoException
{
    private SafetensorsException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    internal static SafetensorsException File(string source, string fault, Exception? inner = null) =>
        new($"{source}: {fault}", inner);

    internal static SafetensorsException Tensor(string source, string tensor, string fault) =>
        new($"{source}: tensor '{tensor}': {fault}");
}
