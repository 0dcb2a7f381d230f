using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MeLo.Edge.Kernels;
using MeLo.Edge.Native;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// The machine's peak of byte products, measured with the dot-product instruction that ONNX Runtime's kernels use, in registers only.
/// .NET has its 256-bit form; the 512-bit one (AVX-512 VNNI) is written down as machine code.
/// </summary>
internal static unsafe class PeakByteArithmetic
{
    private const int Repeats = 2_000_000, Chains = 12;

    private static readonly delegate* unmanaged<long, void> s_wide = Wide();

    /// <summary>Multiplications and additions per second, all threads together; null where the processor has no such instruction.</summary>
    public static double? OperationsPerSecond(int threads)
    {
        if (s_wide == null && !AvxVnni.IsSupported) return null;
        int[] sinks = new int[threads];
        long start = Stopwatch.GetTimestamp();
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, i => sinks[i] = Chain());
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        GC.KeepAlive(sinks);
        int bytes = s_wide != null ? 64 : 32;
        return 2.0 * Chains * bytes * Repeats * threads / seconds;
    }

    private static int Chain()
    {
        if (s_wide == null) return Chain256();
        s_wide(Repeats);
        return 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Chain256()
    {
        Vector256<byte> x = Vector256.Create((byte)3);
        Vector256<sbyte> y = Vector256.Create((sbyte)5);
        Vector256<int> a = default, b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;
        for (int n = 0; n < Repeats; n++)
        {
            a = AvxVnni.MultiplyWideningAndAdd(a, x, y); b = AvxVnni.MultiplyWideningAndAdd(b, x, y); c = AvxVnni.MultiplyWideningAndAdd(c, x, y);
            d = AvxVnni.MultiplyWideningAndAdd(d, x, y); e = AvxVnni.MultiplyWideningAndAdd(e, x, y); f = AvxVnni.MultiplyWideningAndAdd(f, x, y);
            g = AvxVnni.MultiplyWideningAndAdd(g, x, y); h = AvxVnni.MultiplyWideningAndAdd(h, x, y); i = AvxVnni.MultiplyWideningAndAdd(i, x, y);
            j = AvxVnni.MultiplyWideningAndAdd(j, x, y); k = AvxVnni.MultiplyWideningAndAdd(k, x, y); l = AvxVnni.MultiplyWideningAndAdd(l, x, y);
        }
        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    /// <summary>void(long count), System V: count times twelve "vpdpbusd zmm_k, zmm12, zmm13"; null where it cannot run.</summary>
    private static delegate* unmanaged<long, void> Wide()
    {
        if (!OperatingSystem.IsLinux() || !ByteTileCode.IsSupported) return null;
        X64Assembler code = new();
        for (int k = 0; k < Chains; k++) code.Vpdpbusd(k, Chains, Chains + 1);
        code.Add(Gpr.Rdi, -1);
        code.JumpIfNotZero(0);
        code.Vzeroupper();
        code.Return();
        return (delegate* unmanaged<long, void>)ExecutableMemory.Place(code.Code);
    }
}
