using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeLo.Edge.Kernels;

internal static unsafe class Gelu
{
    public static void Apply(float* values, int count)
    {
        int i = 0;
        for (; i <= count - 16; i += 16) G(Vector512.Load(values + i)).Store(values + i);
        if (i == count) return;
        float* tail = stackalloc float[16];
        for (int k = 0; k < 16; k++) tail[k] = i + k < count ? values[i + k] : 0;
        G(Vector512.Load(tail)).Store(tail);
        for (int k = 0; i + k < count; k++) values[i + k] = tail[k];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> G(Vector512<float> x)
    {
        Vector512<float> t = Vector512.Abs(x) * 0.70710678f;
        Vector512<float> u = Vector512.Create(1f) / Vector512.FusedMultiplyAdd(t, Vector512.Create(0.3275911f), Vector512.Create(1f));
        Vector512<float> p = Vector512.FusedMultiplyAdd(Vector512.Create(1.061405429f), u, Vector512.Create(-1.453152027f));
        p = Vector512.FusedMultiplyAdd(p, u, Vector512.Create(1.421413741f));
        p = Vector512.FusedMultiplyAdd(p, u, Vector512.Create(-0.284496736f));
        p = Vector512.FusedMultiplyAdd(p, u, Vector512.Create(0.254829592f)) * u;
        Vector512<float> e = VectorFunctions.Exp2<FloatLanes512, Vector512<float>>(Vector512.Max(-(t * t) * 1.44269504f, Vector512.Create(-126f)));
        Vector512<float> erf = Vector512.Create(1f) - (p * e);
        erf = Vector512.CopySign(erf, x);
        return x * 0.5f * (Vector512.Create(1f) + erf);
    }
}
