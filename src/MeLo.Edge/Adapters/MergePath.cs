using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Adapters;

/// <summary>The vector widths the merge can use.</summary>
internal enum MergePath
{
    /// <summary>No vectors.</summary>
    Scalar,
    /// <summary>NEON, SSE.</summary>
    Vector128,
    /// <summary>AVX2 and FMA.</summary>
    Vector256,
    /// <summary>AVX-512.</summary>
    Vector512,
}

internal static class MergePaths
{
    /// <summary>The paths this machine can take, the fastest last.</summary>
    public static IReadOnlyList<MergePath> Supported { get; } =
    [
        MergePath.Scalar,
        .. Vector128.IsHardwareAccelerated ? [MergePath.Vector128] : (ReadOnlySpan<MergePath>)[],
        .. Vector256.IsHardwareAccelerated && Fma.IsSupported ? [MergePath.Vector256] : (ReadOnlySpan<MergePath>)[],
        .. Vector512.IsHardwareAccelerated ? [MergePath.Vector512] : (ReadOnlySpan<MergePath>)[],
    ];

    /// <summary>The path that merges take on this machine.</summary>
    public static MergePath Best { get; } = Supported[^1];

    /// <summary>The floats of one vector.</summary>
    public static int Lanes(MergePath path) => path switch
    {
        MergePath.Vector512 => Vector512<float>.Count,
        MergePath.Vector256 => Vector256<float>.Count,
        MergePath.Vector128 => Vector128<float>.Count,
        _ => 1,
    };
}
