using System.Runtime.InteropServices;

namespace MeLo.Edge.Kernels;

/// <summary>
/// What one tile is computed from: up to <see cref="MaxRows"/> rows of activations times one panel of weights. The kernel adds, for every group of
/// rows of the matrix, scale · (sum of byte · weight) + low · (sum of weights) to the tile's sums; the call is used up by it.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TileCall
{
    /// <summary>The most rows of activations in a tile: six times four vectors of sums leave eight registers for operands.</summary>
    public const int MaxRows = 6;

    /// <summary>The first row's bytes.</summary>
    public byte* Bytes;

    /// <summary>Bytes from one row to the next.</summary>
    public nint RowBytes;

    /// <summary>The panel's weights.</summary>
    public sbyte* Weights;

    /// <summary>The panel's sums of weights, a group after another.</summary>
    public float* Sums;

    /// <summary>The first row's scale of the first group; those of the other rows follow.</summary>
    public float* Scales;

    /// <summary>The first row's low of the first group; those of the other rows follow.</summary>
    public float* Lows;

    /// <summary>Bytes from one group's scales, and lows, to the next group's.</summary>
    public nint RangeStride;

    /// <summary>How many groups; at least 1.</summary>
    public nint Groups;

    /// <summary>How many times four quads each of these groups has.</summary>
    public nint FourQuads;

    /// <summary>How many quads each of these groups has beside.</summary>
    public nint OddQuads;

    /// <summary>[rows][64] results, in the order of the panel's columns: added to.</summary>
    public float* Results;

    /// <summary>Memory that will be needed next: a cache line of it goes into the second-level cache for every four quads.</summary>
    public byte* Next;

    /// <summary>Room for what the kernel must keep for its caller: xmm6 to xmm15 on Windows.</summary>
    public fixed byte Saved[160];
}
