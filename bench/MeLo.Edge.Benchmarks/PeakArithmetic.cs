using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>The machine's fp32 peak, measured with fused multiply-adds that never leave the registers, and what a ViT needs of it.</summary>
internal static class PeakArithmetic
{
    private const int Repeats = 2_000_000;

    // Twelve independent chains cover the latency of two fused multiply-add units.
    private const int Chains = 12;

    /// <summary>Multiplications and additions per second, all threads together.</summary>
    public static double FlopsPerSecond(int threads)
    {
        long start = Stopwatch.GetTimestamp();
        float[] sinks = new float[threads];
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, i => sinks[i] = Vector512.IsHardwareAccelerated ? Chain512() : Chain256());
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        int lanes = Vector512.IsHardwareAccelerated ? Vector512<float>.Count : Vector256<float>.Count;
        GC.KeepAlive(sinks);
        return 2.0 * Chains * lanes * Repeats * threads / seconds;
    }

    /// <summary>The multiplications and additions of one image's matrix products; the last block answers for the class token alone.</summary>
    public static double Flops(VitArchitecture vit) => LinearFlops(vit) + OtherFlops(vit);

    /// <summary>Those of the patch embedding and of the blocks' linears, which int8 makes products of bytes.</summary>
    public static double LinearFlops(VitArchitecture vit)
    {
        double d = vit.Dim, m = vit.MlpDim, t = vit.Tokens, patches = vit.Grid * vit.Grid;
        double embedding = patches * d * 3 * vit.PatchSize * vit.PatchSize;
        return 2 * (embedding + ((vit.Depth - 1) * Block(t)) + Block(Last(vit)));

        // Queries, output projection and MLP for the asking tokens, keys and values for all.
        double Block(double asking) => (asking * ((2 * d * d) + (2 * d * m))) + (t * 2 * d * d);
    }

    /// <summary>Those of attention.</summary>
    public static double OtherFlops(VitArchitecture vit)
    {
        double d = vit.Dim, t = vit.Tokens;
        return 2 * (((vit.Depth - 1) * t) + Last(vit)) * 2 * t * d;
    }

    private static double Last(VitArchitecture vit) => vit.Pooling == VitPooling.ClassToken ? 1 : vit.Tokens;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Chain512()
    {
        Vector512<float> x = Vector512.Create(0.999f), y = Vector512.Create(1e-6f);
        Vector512<float> a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;
        for (int n = 0; n < Repeats; n++)
        {
            a = Vector512.FusedMultiplyAdd(a, x, y); b = Vector512.FusedMultiplyAdd(b, x, y); c = Vector512.FusedMultiplyAdd(c, x, y);
            d = Vector512.FusedMultiplyAdd(d, x, y); e = Vector512.FusedMultiplyAdd(e, x, y); f = Vector512.FusedMultiplyAdd(f, x, y);
            g = Vector512.FusedMultiplyAdd(g, x, y); h = Vector512.FusedMultiplyAdd(h, x, y); i = Vector512.FusedMultiplyAdd(i, x, y);
            j = Vector512.FusedMultiplyAdd(j, x, y); k = Vector512.FusedMultiplyAdd(k, x, y); l = Vector512.FusedMultiplyAdd(l, x, y);
        }
        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Chain256()
    {
        Vector256<float> x = Vector256.Create(0.999f), y = Vector256.Create(1e-6f);
        Vector256<float> a = y, b = y, c = y, d = y, e = y, f = y, g = y, h = y, i = y, j = y, k = y, l = y;
        for (int n = 0; n < Repeats; n++)
        {
            a = Vector256.FusedMultiplyAdd(a, x, y); b = Vector256.FusedMultiplyAdd(b, x, y); c = Vector256.FusedMultiplyAdd(c, x, y);
            d = Vector256.FusedMultiplyAdd(d, x, y); e = Vector256.FusedMultiplyAdd(e, x, y); f = Vector256.FusedMultiplyAdd(f, x, y);
            g = Vector256.FusedMultiplyAdd(g, x, y); h = Vector256.FusedMultiplyAdd(h, x, y); i = Vector256.FusedMultiplyAdd(i, x, y);
            j = Vector256.FusedMultiplyAdd(j, x, y); k = Vector256.FusedMultiplyAdd(k, x, y); l = Vector256.FusedMultiplyAdd(l, x, y);
        }
        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
