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

    /// <summary>
    /// GELU: x · Φ(x), with an error function that is off by at most 2e-6. NaN is NaN, and so is an infinity of either sign: a sum that
    /// overflowed must not pass for one that is merely very negative.
    /// </summary>
    /// <remarks>
    /// x · Φ(x) = max(x, 0) + m · Φ(m) with m = -|x|. Below -5 the tail Φ(m) is taken for 0: there it is less than 2.9e-7. Above, it is the square of
    /// a polynomial, which needs fewer terms than Φ itself: ((m + 5) · r(m))², r of degree 8, whose factor makes it exactly 0 at the
    /// end. r minimises the largest |((m + 5) · r(m))² - Φ(m)| over [-5, 0]: Remez' exchange in 40 digits, each step linear in r around the
    /// last; it ends at 7.3e-7, so the error function is off by 1.46e-6 and the rest is rounding. r is written in powers of m, because
    /// rounding hurts least where Φ is largest.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Gelu<TLanes, TVector>(TVector x)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        TVector negative = TLanes.NegativeMagnitude(x), m = TLanes.Max(TLanes.Broadcast(-5), negative);
        TVector r = TLanes.MultiplyAdd(TLanes.Broadcast(-3.669646251e-6f), m, TLanes.Broadcast(-5.310469763e-5f));
        r = TLanes.MultiplyAdd(r, m, TLanes.Broadcast(-0.000234745057f));
        r = TLanes.MultiplyAdd(r, m, TLanes.Broadcast(-1.062983952e-5f));
        r = TLanes.MultiplyAdd(r, m, TLanes.Broadcast(0.001848519144f));
        r = TLanes.MultiplyAdd(r, m, TLanes.Broadcast(-0.00147291708f));
        r = TLanes.MultiplyAdd(r, m, TLanes.Broadcast(-0.01685014191f));
        r = TLanes.MultiplyAdd(r, m, TLanes.Broadcast(0.02813928086f));
        r = TLanes.MultiplyAdd(r, m, TLanes.Broadcast(0.1414214596f));
        r = TLanes.Multiply(r, TLanes.Add(m, TLanes.Broadcast(5)));
        return TLanes.MultiplyAdd(TLanes.Multiply(r, r), negative, TLanes.Max(TLanes.Broadcast(0), x)); // 0 · -Infinity: NaN
    }
}
