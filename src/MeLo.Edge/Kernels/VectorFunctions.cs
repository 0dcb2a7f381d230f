using System.Runtime.CompilerServices;

namespace MeLo.Edge.Kernels;

/// <summary>Functions of whole vectors.</summary>
internal static class VectorFunctions
{
    /// <summary>
    /// 2^x for x of at most 127, to a relative 2^-22; 0 where the result would be below the normal numbers. NaN is NaN, and so is -Infinity: a score
    /// that overflowed must not pass for a key that has no weight.
    /// </summary>
    /// <remarks>
    /// x = n + f with n whole and |f| of at most 1/2. The polynomial is the fifth-degree minimax of 2^f there by Remez' exchange, weighted to a
    /// relative error, of 7.5e-8.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2<TLanes, TVector>(TVector x)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector whole = TLanes.Round(x);
        TVector f = TLanes.Subtract(x, whole); // -Infinity less itself: NaN
        TVector p = TLanes.MultiplyAdd(TLanes.Broadcast(0.001327647154f), f, TLanes.Broadcast(0.009675541371f));
        p = TLanes.MultiplyAdd(p, f, TLanes.Broadcast(0.05550713276f));
        p = TLanes.MultiplyAdd(p, f, TLanes.Broadcast(0.2402211972f));
        p = TLanes.MultiplyAdd(p, f, TLanes.Broadcast(0.6931469671f));
        p = TLanes.MultiplyAdd(p, f, TLanes.Broadcast(1.000000072f));
        return TLanes.Scale(p, whole);
    }
}
