using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeLo.Edge.Kernels;

/// <summary>x · Φ(x) of many values: <see cref="VectorFunctions.Gelu"/>.</summary>
internal static unsafe class Gelu
{
    /// <summary>Computes <paramref name="length"/> values. Nothing needs to be aligned; the destination may be the source.</summary>
    public static void Run(float* source, float* destination, nint length) => Run(source, destination, length, VectorWidths.Best);

    /// <summary>The same with a vector width that this machine has.</summary>
    public static void Run(float* source, float* destination, nint length, VectorWidth width)
    {
        switch (width)
        {
            case VectorWidth.Vector512: Run<FloatLanes512, Vector512<float>>(source, destination, length); break;
            case VectorWidth.Vector256: Run<FloatLanes256, Vector256<float>>(source, destination, length); break;
            default: Run<FloatLanes128, Vector128<float>>(source, destination, length); break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TLanes, TVector>(float* source, float* destination, nint length)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        nint lanes = TLanes.Count, full = length - (length % lanes);
        for (nint i = 0; i < full; i += lanes) TLanes.Store(VectorFunctions.Gelu<TLanes, TVector>(TLanes.Load(source + i)), destination + i);
        if (full == length) return;
        float* rest = stackalloc float[Vector512<float>.Count];
        for (nint i = full; i < length; i++) rest[i - full] = source[i];
        TLanes.Store(VectorFunctions.Gelu<TLanes, TVector>(TLanes.Load(rest)), rest);
        for (nint i = full; i < length; i++) destination[i] = rest[i - full];
    }
}
