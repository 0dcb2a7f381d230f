using System.Runtime.InteropServices;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>The type and shape of a tensor, or of a session's input or output.</summary>
/// <param name="Type">The element type.</param>
/// <param name="Dimensions">The dimensions, outermost first; -1 where a session leaves one open.</param>
/// <param name="SymbolicDimensions">The names of open dimensions; empty strings for the others.</param>
internal sealed unsafe record OrtTensorInfo(ElementType Type, long[] Dimensions, string[] SymbolicDimensions)
{
    /// <summary>The number of elements of a tensor whose dimensions are all known.</summary>
    public long ElementCount => Dimensions.Aggregate(1L, (product, dimension) => checked(product * dimension));

    /// <summary>Reads an OrtTypeInfo* and releases it.</summary>
    public static OrtTensorInfo FromTypeInfo(nint typeInfo)
    {
        try
        {
            nint tensorInfo; // owned by typeInfo; null, and no error, for a sequence, map or optional
            OrtException.ThrowIfFailed(OrtLibrary.Api.CastTypeInfoToTensorInfo(typeInfo, &tensorInfo));
            if (tensorInfo == 0) throw OrtException.Unsupported("found an input or output that is no tensor, expected tensors only");
            return Read(tensorInfo);
        }
        finally
        {
            OrtLibrary.Api.ReleaseTypeInfo(typeInfo);
        }
    }

    /// <summary>Reads the description of an OrtValue*.</summary>
    public static OrtTensorInfo FromValue(nint value)
    {
        nint info;
        OrtException.ThrowIfFailed(OrtLibrary.Api.GetTensorTypeAndShape(value, &info));
        try
        {
            return Read(info);
        }
        finally
        {
            OrtLibrary.Api.ReleaseTensorTypeAndShapeInfo(info);
        }
    }

    private static OrtTensorInfo Read(nint tensorInfo)
    {
        OrtApi api = OrtLibrary.Api;
        int code;
        OrtException.ThrowIfFailed(api.GetTensorElementType(tensorInfo, &code));
        nuint rank;
        OrtException.ThrowIfFailed(api.GetDimensionsCount(tensorInfo, &rank));
        long[] dimensions = new long[rank];
        fixed (long* d = dimensions) OrtException.ThrowIfFailed(api.GetDimensions(tensorInfo, d, rank));
        byte*[] names = new byte*[rank];
        fixed (byte** n = names) OrtException.ThrowIfFailed(api.GetSymbolicDimensions(tensorInfo, n, rank));
        string[] symbols = new string[rank];
        for (int i = 0; i < symbols.Length; i++) symbols[i] = Marshal.PtrToStringUTF8((nint)names[i]) ?? "";
        return new OrtTensorInfo(FromCode(code), dimensions, symbols);
    }

    private static ElementType FromCode(int code)
    {
        foreach (ElementType type in Enum.GetValues<ElementType>())
            if (type.OnnxDataType() == code) return type;
        throw OrtException.Unsupported($"found a tensor of ONNX element type {code}, expected a number or a Boolean");
    }
}
