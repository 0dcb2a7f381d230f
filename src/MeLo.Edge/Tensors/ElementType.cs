namespace MeLo.Edge.Tensors;

/// <summary>The element types of the safetensors format that this library reads.</summary>
public enum ElementType
{
    /// <summary>IEEE 754 binary32.</summary>
    F32,
    /// <summary>IEEE 754 binary16.</summary>
    F16,
    /// <summary>bfloat16: the upper half of a binary32.</summary>
    BF16,
    /// <summary>IEEE 754 binary64.</summary>
    F64,
    /// <summary>Signed 8-bit integer.</summary>
    I8,
    /// <summary>Unsigned 8-bit integer.</summary>
    U8,
    /// <summary>Signed 16-bit integer.</summary>
    I16,
    /// <summary>Unsigned 16-bit integer.</summary>
    U16,
    /// <summary>Signed 32-bit integer.</summary>
    I32,
    /// <summary>Unsigned 32-bit integer.</summary>
    U32,
    /// <summary>Signed 64-bit integer.</summary>
    I64,
    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
    /// <summary>A byte that is 0 or 1.</summary>
    Bool,
}

/// <summary>Facts about <see cref="ElementType"/> values.</summary>
public static class ElementTypes
{
    /// <summary>The size of one element in bytes.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.F64 or ElementType.I64 or ElementType.U64 => 8,
        ElementType.F32 or ElementType.I32 or ElementType.U32 => 4,
        ElementType.F16 or ElementType.BF16 or ElementType.I16 or ElementType.U16 => 2,
        _ => 1,
    };

    /// <summary>Whether the elements are floating-point numbers.</summary>
    public static bool IsFloat(this ElementType type) =>
        type is ElementType.F32 or ElementType.F16 or ElementType.BF16 or ElementType.F64;

    /// <summary>The number that ONNX has for the type: onnx.proto's TensorProto.DataType, which ONNX Runtime's ONNXTensorElementDataType follows.</summary>
    internal static int OnnxDataType(this ElementType type) => type switch
    {
        ElementType.F32 => 1,
        ElementType.U8 => 2,
        ElementType.I8 => 3,
        ElementType.U16 => 4,
        ElementType.I16 => 5,
        ElementType.I32 => 6,
        ElementType.I64 => 7,
        ElementType.Bool => 9,
        ElementType.F16 => 10,
        ElementType.F64 => 11,
        ElementType.U32 => 12,
        ElementType.U64 => 13,
        ElementType.BF16 => 16,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not an element type of ONNX."),
    };

    /// <summary>Recognises the name a safetensors header uses; names are case-sensitive.</summary>
    internal static bool TryParse(string name, out ElementType type)
    {
        (bool found, type) = name switch
        {
            "F32" => (true, ElementType.F32),
            "F16" => (true, ElementType.F16),
            "BF16" => (true, ElementType.BF16),
            "F64" => (true, ElementType.F64),
            "I8" => (true, ElementType.I8),
            "U8" => (true, ElementType.U8),
            "I16" => (true, ElementType.I16),
            "U16" => (true, ElementType.U16),
            "I32" => (true, ElementType.I32),
            "U32" => (true, ElementType.U32),
            "I64" => (true, ElementType.I64),
            "U64" => (true, ElementType.U64),
            "BOOL" => (true, ElementType.Bool),
            _ => (false, default),
        };
        return found;
    }

    internal static string HeaderName(this ElementType type) => type == ElementType.Bool ? "BOOL" : type.ToString();
}
