namespace MeLo.Edge.Onnx;

/// <summary>The data of an initializer: in the model file itself, or a byte range of a file beside it.</summary>
internal abstract record InitializerData
{
    private InitializerData()
    {
    }

    /// <summary>Little-endian, row-major bytes that the model file carries.</summary>
    public sealed record Inline(ReadOnlyMemory<byte> Bytes) : InitializerData;

    /// <summary>
    /// A range of another file: ONNX's "external data" (onnx/docs/ExternalData.md).
    /// </summary>
    /// <param name="Location">The file, relative to the folder of the model file.</param>
    /// <param name="Offset">The first byte, from the start of that file.</param>
    /// <param name="Length">The number of bytes.</param>
    public sealed record External(string Location, long Offset, long Length) : InitializerData;
}
