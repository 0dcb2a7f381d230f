namespace MeLo.Edge.Benchmarks;

/// <summary>Whose start is measured.</summary>
internal enum StartSide
{
    /// <summary>The engine with the int8 graph.</summary>
    Int8,

    /// <summary>The engine with the fp32 graph.</summary>
    Fp32,

    /// <summary>Plain ONNX Runtime, the model exported in one file.</summary>
    OrtFp32,

    /// <summary>Plain ONNX Runtime, the weights in a file beside the model, which the runtime maps.</summary>
    OrtFp32Mapped,

    /// <summary>Plain ONNX Runtime, the exported model dynamically quantised.</summary>
    OrtInt8,
}
