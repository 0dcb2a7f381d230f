using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Kernels;

/// <summary>The vector widths that the floating-point kernels can use.</summary>
internal enum VectorWidth
{
    /// <summary>NEON, SSE.</summary>
    Vector128,
    /// <summary>AVX2 and FMA.</summary>
    Vector256,
    /// <summary>AVX-512.</summary>
    Vector512,
}

internal static class VectorWidths
{
    /// <summary>The widths this machine has, the fastest last.</summary>
    public static IReadOnlyList<VectorWidth> Supported { get; } =
    [
        VectorWidth.Vector128,
        .. Vector256.IsHardwareAccelerated && Fma.IsSupported ? [VectorWidth.Vector256] : (ReadOnlySpan<VectorWidth>)[],
        .. Vector512.IsHardwareAccelerated ? [VectorWidth.Vector512] : (ReadOnlySpan<VectorWidth>)[],
    ];

    /// <summary>The width that kernels take on this machine.</summary>
    public static VectorWidth Best { get; } = Supported[^1];
}
