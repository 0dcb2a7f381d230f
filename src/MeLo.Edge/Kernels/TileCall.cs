using System.Runtime.InteropServices;

namespace MeLo.Edge.Kernels;

/// <summary>
/// What one tile is computed from: up to <see cref="MaxRows"/> rows of activations times one panel of weights. The sum begins with the bias. Every
/// group of rows of the matrix adds (scale · sum of byte · weight) · column's scale, then low · (column's scale · sum of weights), where what stands in
/// brackets is rounded. Another value is added at the end on request. The call is used up by it.
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

    /// <summary>The panel's scales of weights, a group after another.</summary>
    public float* ColumnScales;

    /// <summary>The first row's scale of the first group; those of the other rows follow.</summary>
    public float* Scales;

    /// <summary>The first row's low of the first group; those of the other rows follow.</summary>
    public float* Lows;

    /// <summary>Bytes from one group's scales, and lows, to the next group's.</summary>
    public nint RangeStride;

    /// <summary>How many whole groups come before the last one, which may be whole too.</summary>
    public nint GroupsBefore;

    /// <summary>How many times four quads the last group has.</summary>
    public nint FourQuads;

    /// <summary>How many quads the last group has beside.</summary>
    public nint OddQuads;

    /// <summary>[rows][64] sums so far; room for the kernel, nothing needs to be in it.</summary>
    public float* Partial;

    /// <summary>Not 0 once there are sums.</summary>
    public nint Begun;

    /// <summary>The columns' bias, [64].</summary>
    public float* Bias;

    /// <summary>The first row of what is added at the end, or null.</summary>
    public float* Residual;

    /// <summary>The first row of the result: 64 columns of it are written.</summary>
    public float* Result;

    /// <summary>Bytes from one row of the result, and of the residual, to the next.</summary>
    public nint ResultStride;

    /// <summary>Memory that will be needed next: a cache line of it goes into the second-level cache for every four quads.</summary>
    public byte* Next;

    /// <summary>Room for what the kernel must keep for its caller: xmm6 to xmm15 on Windows.</summary>
    public fixed byte Saved[TileCode.SavedBytes];
}
