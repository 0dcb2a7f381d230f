using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace MeLo.Edge.Native.OnnxRuntime;

/// <summary>An input of a kernel in host memory; valid during the call of <see cref="OrtKernel.Compute"/>.</summary>
internal readonly unsafe ref struct OrtKernelInput
{
    /// <summary>The most dimensions that an input may have.</summary>
    public const int MaxRank = 4;

    private readonly Dimensions _dimensions;
    private readonly int _rank;

    /// <summary>Reads an OrtValue*, null for an optional input that the node leaves out.</summary>
    public OrtKernelInput(OrtApi api, nint value)
    {
        if (value == 0) return;
        IsPresent = true;
        void* data;
        OrtException.ThrowIfFailed(api.GetTensorMutableData(value, &data));
        Data = data;
        nint info;
        OrtException.ThrowIfFailed(api.GetTensorTypeAndShape(value, &info));
        try
        {
            nuint rank;
            OrtException.ThrowIfFailed(api.GetDimensionsCount(info, &rank));
            if (rank > MaxRank) throw OrtException.Unsupported($"found a tensor of {rank} dimensions, expected at most {MaxRank}");
            fixed (Dimensions* dimensions = &_dimensions) OrtException.ThrowIfFailed(api.GetDimensions(info, (long*)dimensions, rank));
            _rank = (int)rank;
        }
        finally
        {
            api.ReleaseTensorTypeAndShapeInfo(info);
        }
    }

    /// <summary>False when the input is optional and the node leaves it out.</summary>
    public bool IsPresent { get; }

    /// <summary>The elements, of the type that the operator declares; may be null when there are none. Read-only.</summary>
    public void* Data { get; }

    /// <summary>The dimensions, outermost first.</summary>
    [UnscopedRef]
    public ReadOnlySpan<long> Shape => ((ReadOnlySpan<long>)_dimensions)[.._rank];

    /// <summary>The number of elements; 1 for a scalar.</summary>
    public long ElementCount
    {
        get
        {
            long count = 1;
            foreach (long dimension in Shape) count *= dimension;
            return count;
        }
    }

    [InlineArray(MaxRank)]
    private struct Dimensions
    {
        private long _first;
    }
}
