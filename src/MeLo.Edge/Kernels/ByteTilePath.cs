using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Kernels;

/// <summary>How tiles of byte products can be computed. All give the same bits.</summary>
internal enum ByteTilePath
{
    /// <summary>No vectors.</summary>
    Scalar,
    /// <summary>AVX2 and FMA, bytes widened.</summary>
    Avx2,
    /// <summary>Arm's dot product.</summary>
    ArmDot,
    /// <summary>AVX-VNNI.</summary>
    AvxVnni,
    /// <summary>AVX-512 VNNI.</summary>
    Avx512Vnni,
}

internal static unsafe class ByteTilePaths
{
    /// <summary>The paths this machine can take, the fastest last.</summary>
    public static IReadOnlyList<ByteTilePath> Supported { get; } =
    [
        ByteTilePath.Scalar,
        .. Avx2.IsSupported && Fma.IsSupported ? [ByteTilePath.Avx2] : (ReadOnlySpan<ByteTilePath>)[],
        .. Dp.IsSupported ? [ByteTilePath.ArmDot] : (ReadOnlySpan<ByteTilePath>)[],
        .. AvxVnni.IsSupported && Fma.IsSupported ? [ByteTilePath.AvxVnni] : (ReadOnlySpan<ByteTilePath>)[],
        .. ByteTileCode.Entries != null ? [ByteTilePath.Avx512Vnni] : (ReadOnlySpan<ByteTilePath>)[],
    ];

    /// <summary>The path that products take on this machine.</summary>
    public static ByteTilePath Best { get; } = Supported[^1];

    /// <summary>The dot-product instructions of a path as their makers call them; null for one without.</summary>
    public static string? Instructions(ByteTilePath path) => path switch
    {
        ByteTilePath.ArmDot => "Arm dot-product instructions",
        ByteTilePath.AvxVnni => "AVX-VNNI",
        ByteTilePath.Avx512Vnni => "AVX-512 VNNI",
        _ => null,
    };

    /// <summary>Computes a tile.</summary>
    public static void Compute(ByteTilePath path, TileCall* call, int rows)
    {
        switch (path)
        {
            case ByteTilePath.Avx512Vnni: ByteTileCode.Entries[rows - 1](call); break;
            case ByteTilePath.AvxVnni: ByteTile.Compute<AvxVnniLanes, Vector256<int>>(call, rows); break;
            case ByteTilePath.ArmDot: ByteTile.Compute<ArmDotLanes, Vector128<int>>(call, rows); break;
            case ByteTilePath.Avx2: ByteTile.Compute<Avx2Lanes, Vector256<int>>(call, rows); break;
            default: ByteTile.ComputeScalar(call, rows); break;
        }
    }
}
