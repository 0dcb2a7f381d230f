using System.Runtime.CompilerServices;

namespace MeLo.Edge.Kernels;

/// <summary>What becomes of a tile's sums, beside that they are stored.</summary>
internal interface ITileEnd
{
    /// <summary>Whether each row is multiplied by its factor. If not, each column's maximum is kept.</summary>
    static abstract bool Scales { get; }
}

internal readonly struct ScalingEnd : ITileEnd
{
    public static bool Scales => true;
}

internal readonly struct MaximumEnd : ITileEnd
{
    public static bool Scales => false;
}

/// <summary>
/// A tile of a matrix product A·B whose sums stay in registers: six rows by two vectors, or by one where a single is left. Twelve sums cover the
/// latency of two multiply-add units, and with two vectors of B and an element of A they fit into AVX2's sixteen registers.
/// </summary>
internal static unsafe class ProductTile
{
    public const int Rows = 6;

    /// <summary>Computes <paramref name="rows"/> rows, at most <see cref="Rows"/>, of two vectors.</summary>
    /// <param name="a">The first row's first element.</param>
    /// <param name="aRow">Elements from one row of A to the next.</param>
    /// <param name="aStep">Elements from one column of A to the next.</param>
    /// <param name="b">The first row's first vector.</param>
    /// <param name="bStep">Elements from one row of B to the next.</param>
    /// <param name="depth">The columns of A; the rows of B.</param>
    /// <param name="rows">The rows wanted; those missing are computed from the last and not stored.</param>
    /// <param name="to">Where the first row's first vector goes.</param>
    /// <param name="toRow">Elements from one row of the result to the next.</param>
    /// <param name="beside">One factor a row, where the end scales; else one maximum a column, of all tiles so far.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Two<TLanes, TVector, TEnd>(float* a, nint aRow, nint aStep, float* b, nint bStep, nint depth, int rows, float* to, nint toRow, float* beside)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
        where TEnd : struct, ITileEnd
    {
        nint last = rows - 1;
        float* a1 = a + (aRow * Math.Min(1, last));
        float* a2 = a + (aRow * Math.Min(2, last));
        float* a3 = a + (aRow * Math.Min(3, last));
        float* a4 = a + (aRow * Math.Min(4, last));
        float* a5 = a + (aRow * Math.Min(5, last));
        TVector s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default;
        TVector s30 = default, s31 = default, s40 = default, s41 = default, s50 = default, s51 = default;
        nint end = depth * aStep;
        for (nint k = 0; k < end; k += aStep)
        {
            TVector b0 = TLanes.Load(b), b1 = TLanes.Load(b + TLanes.Count);
            b += bStep;
            TVector factor = TLanes.Broadcast(a[k]);
            s00 = TLanes.MultiplyAdd(factor, b0, s00);
            s01 = TLanes.MultiplyAdd(factor, b1, s01);
            factor = TLanes.Broadcast(a1[k]);
            s10 = TLanes.MultiplyAdd(factor, b0, s10);
            s11 = TLanes.MultiplyAdd(factor, b1, s11);
            factor = TLanes.Broadcast(a2[k]);
            s20 = TLanes.MultiplyAdd(factor, b0, s20);
            s21 = TLanes.MultiplyAdd(factor, b1, s21);
            factor = TLanes.Broadcast(a3[k]);
            s30 = TLanes.MultiplyAdd(factor, b0, s30);
            s31 = TLanes.MultiplyAdd(factor, b1, s31);
            factor = TLanes.Broadcast(a4[k]);
            s40 = TLanes.MultiplyAdd(factor, b0, s40);
            s41 = TLanes.MultiplyAdd(factor, b1, s41);
            factor = TLanes.Broadcast(a5[k]);
            s50 = TLanes.MultiplyAdd(factor, b0, s50);
            s51 = TLanes.MultiplyAdd(factor, b1, s51);
        }
        if (!TEnd.Scales)
        {
            Maximum<TLanes, TVector>(s00, s10, s20, s30, s40, s50, beside);
            Maximum<TLanes, TVector>(s01, s11, s21, s31, s41, s51, beside + TLanes.Count);
        }
        End<TLanes, TVector, TEnd>(s00, s01, to, beside);
        if (rows > 1) End<TLanes, TVector, TEnd>(s10, s11, to + toRow, beside + 1);
        if (rows > 2) End<TLanes, TVector, TEnd>(s20, s21, to + (2 * toRow), beside + 2);
        if (rows > 3) End<TLanes, TVector, TEnd>(s30, s31, to + (3 * toRow), beside + 3);
        if (rows > 4) End<TLanes, TVector, TEnd>(s40, s41, to + (4 * toRow), beside + 4);
        if (rows > 5) End<TLanes, TVector, TEnd>(s50, s51, to + (5 * toRow), beside + 5);
    }

    /// <summary>The same of one vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void One<TLanes, TVector, TEnd>(float* a, nint aRow, nint aStep, float* b, nint bStep, nint depth, int rows, float* to, nint toRow, float* beside)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
        where TEnd : struct, ITileEnd
    {
        nint last = rows - 1;
        float* a1 = a + (aRow * Math.Min(1, last));
        float* a2 = a + (aRow * Math.Min(2, last));
        float* a3 = a + (aRow * Math.Min(3, last));
        float* a4 = a + (aRow * Math.Min(4, last));
        float* a5 = a + (aRow * Math.Min(5, last));
        TVector s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
        nint end = depth * aStep;
        for (nint k = 0; k < end; k += aStep)
        {
            TVector b0 = TLanes.Load(b);
            b += bStep;
            s0 = TLanes.MultiplyAdd(TLanes.Broadcast(a[k]), b0, s0);
            s1 = TLanes.MultiplyAdd(TLanes.Broadcast(a1[k]), b0, s1);
            s2 = TLanes.MultiplyAdd(TLanes.Broadcast(a2[k]), b0, s2);
            s3 = TLanes.MultiplyAdd(TLanes.Broadcast(a3[k]), b0, s3);
            s4 = TLanes.MultiplyAdd(TLanes.Broadcast(a4[k]), b0, s4);
            s5 = TLanes.MultiplyAdd(TLanes.Broadcast(a5[k]), b0, s5);
        }
        if (!TEnd.Scales) Maximum<TLanes, TVector>(s0, s1, s2, s3, s4, s5, beside);
        End<TLanes, TVector, TEnd>(s0, to, beside);
        if (rows > 1) End<TLanes, TVector, TEnd>(s1, to + toRow, beside + 1);
        if (rows > 2) End<TLanes, TVector, TEnd>(s2, to + (2 * toRow), beside + 2);
        if (rows > 3) End<TLanes, TVector, TEnd>(s3, to + (3 * toRow), beside + 3);
        if (rows > 4) End<TLanes, TVector, TEnd>(s4, to + (4 * toRow), beside + 4);
        if (rows > 5) End<TLanes, TVector, TEnd>(s5, to + (5 * toRow), beside + 5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void End<TLanes, TVector, TEnd>(TVector s0, TVector s1, float* to, float* factor)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
        where TEnd : struct, ITileEnd
    {
        End<TLanes, TVector, TEnd>(s0, to, factor);
        End<TLanes, TVector, TEnd>(s1, to + TLanes.Count, factor);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void End<TLanes, TVector, TEnd>(TVector sum, float* to, float* factor)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
        where TEnd : struct, ITileEnd =>
        TLanes.Store(TEnd.Scales ? TLanes.Multiply(sum, TLanes.Broadcast(*factor)) : sum, to);

    // Missing rows repeat a row, which changes no maximum.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Maximum<TLanes, TVector>(TVector s0, TVector s1, TVector s2, TVector s3, TVector s4, TVector s5, float* maximum)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector m = TLanes.Max(s0, TLanes.Load(maximum));
        m = TLanes.Max(s1, m);
        m = TLanes.Max(s2, m);
        m = TLanes.Max(s3, m);
        m = TLanes.Max(s4, m);
        TLanes.Store(TLanes.Max(s5, m), maximum);
    }
}
