using System.Runtime.InteropServices;

namespace MeLo.Edge.Kernels;

/// <summary>
/// What one tile of a bfloat16 product is computed from. Both factors come in pairs of numbers that are neighbours along the summed dimension,
/// the first in the low half of 32 bits: result[row][column] = factor[row] · Σ over pairs of (a₀·b₀ + a₁·b₁).
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PairTileCall
{
    /// <summary>The columns of a panel of B, which lie side by side: four vectors of sixteen sums.</summary>
    public const int PanelColumns = 64;

    /// <summary>The first row's first pair of A.</summary>
    public uint* A;

    /// <summary>Bytes from one row of A to the next.</summary>
    public nint RowStride;

    /// <summary>Bytes from one pair of a row of A to the next.</summary>
    public nint PairStride;

    /// <summary>A panel of B, [pairs][64].</summary>
    public uint* B;

    /// <summary>The pairs to sum over, at least 1.</summary>
    public nint Pairs;

    /// <summary>The rows' factors, or null for 1.</summary>
    public float* Factors;

    /// <summary>The first row of the result.</summary>
    public float* Result;

    /// <summary>Bytes from one row of the result to the next.</summary>
    public nint ResultStride;

    /// <summary>Room for what the kernel must keep for its caller: xmm6 to xmm15 on Windows.</summary>
    public fixed byte Saved[TileCode.SavedBytes];
}
