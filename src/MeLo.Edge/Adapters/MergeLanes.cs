using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Adapters;

/// <summary>The few vector operations of the merge kernel, so that one kernel serves every vector width.</summary>
internal unsafe interface IMergeLanes<TVector>
    where TVector : struct
{
    static abstract int Count { get; }
    static abstract TVector Load(float* source);
    static abstract TVector Broadcast(float value);
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector sum);
    static abstract TVector Add(TVector a, TVector b);
    static abstract void Store(TVector value, float* destination);

    /// <summary>Stores past the caches; the destination is aligned to the vector.</summary>
    static abstract void Stream(TVector value, float* destination);

    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary>The larger of |value| and a magnitude, compared as integers: NaN is the largest, on every machine.</summary>
    static abstract TVector MaxMagnitude(TVector value, TVector magnitude);

    /// <summary>The lowest bytes of four floats' bits as the four bytes of one, the first lowest.</summary>
    static abstract TVector LowBytes(TVector v0, TVector v1, TVector v2, TVector v3);

    /// <summary>The sums of the floats' bits as whole numbers, wrapping around.</summary>
    static abstract TVector AddBits(TVector a, TVector b);

    /// <summary>Stores the bits, as whole numbers less another, as floats.</summary>
    static abstract void StoreLess(TVector bits, int less, float* destination);
}

/// <summary>AVX-512, which always has fused multiply-add.</summary>
internal readonly unsafe struct MergeLanes512 : IMergeLanes<Vector512<float>>
{
    public static int Count => Vector512<float>.Count;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector512<float> Load(float* source) => Vector512.Load(source);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector512<float> Broadcast(float value) => Vector512.Create(value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector512<float> MultiplyAdd(Vector512<float> a, Vector512<float> b, Vector512<float> sum) => Vector512.FusedMultiplyAdd(a, b, sum);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Store(Vector512<float> value, float* destination) => value.Store(destination);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Stream(Vector512<float> value, float* destination) => value.StoreAlignedNonTemporal(destination);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector512<float> MaxMagnitude(Vector512<float> value, Vector512<float> magnitude) => Vector512.Max(Vector512.Abs(value).AsInt32(), magnitude.AsInt32()).AsSingle();
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LowBytes(Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3)
    {
        Vector512<int> low = Vector512.Create(0xFF);
        return ((v0.AsInt32() & low) | ((v1.AsInt32() & low) << 8) | ((v2.AsInt32() & low) << 16) | (v3.AsInt32() << 24)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector512<float> AddBits(Vector512<float> a, Vector512<float> b) => (a.AsInt32() + b.AsInt32()).AsSingle();
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void StoreLess(Vector512<float> bits, int less, float* destination) => Vector512.ConvertToSingle(bits.AsInt32() - Vector512.Create(less)).Store(destination);
}

/// <summary>AVX2 with FMA.</summary>
internal readonly unsafe struct MergeLanes256 : IMergeLanes<Vector256<float>>
{
    public static int Count => Vector256<float>.Count;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<float> Load(float* source) => Vector256.Load(source);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<float> Broadcast(float value) => Vector256.Create(value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<float> MultiplyAdd(Vector256<float> a, Vector256<float> b, Vector256<float> sum) => Vector256.FusedMultiplyAdd(a, b, sum);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Store(Vector256<float> value, float* destination) => value.Store(destination);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Stream(Vector256<float> value, float* destination) => value.StoreAlignedNonTemporal(destination);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<float> MaxMagnitude(Vector256<float> value, Vector256<float> magnitude) => Vector256.Max(Vector256.Abs(value).AsInt32(), magnitude.AsInt32()).AsSingle();
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LowBytes(Vector256<float> v0, Vector256<float> v1, Vector256<float> v2, Vector256<float> v3)
    {
        Vector256<int> low = Vector256.Create(0xFF);
        return ((v0.AsInt32() & low) | ((v1.AsInt32() & low) << 8) | ((v2.AsInt32() & low) << 16) | (v3.AsInt32() << 24)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<float> AddBits(Vector256<float> a, Vector256<float> b) => (a.AsInt32() + b.AsInt32()).AsSingle();
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void StoreLess(Vector256<float> bits, int less, float* destination) => Vector256.ConvertToSingle(bits.AsInt32() - Vector256.Create(less)).Store(destination);
}

/// <summary>NEON, and x64 without AVX2 (small Atoms), where the multiplication rounds before the addition.</summary>
internal readonly unsafe struct MergeLanes128 : IMergeLanes<Vector128<float>>
{
    /// <summary>Whether this machine multiplies and adds with one rounding. Software emulation would cost a hundredfold.</summary>
    public static bool IsFused => Fma.IsSupported || AdvSimd.IsSupported;

    public static int Count => Vector128<float>.Count;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<float> Load(float* source) => Vector128.Load(source);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<float> Broadcast(float value) => Vector128.Create(value);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> sum) =>
        IsFused ? Vector128.FusedMultiplyAdd(a, b, sum) : (a * b) + sum;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Store(Vector128<float> value, float* destination) => value.Store(destination);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void Stream(Vector128<float> value, float* destination) => value.StoreAlignedNonTemporal(destination);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<float> MaxMagnitude(Vector128<float> value, Vector128<float> magnitude) => Vector128.Max(Vector128.Abs(value).AsInt32(), magnitude.AsInt32()).AsSingle();
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LowBytes(Vector128<float> v0, Vector128<float> v1, Vector128<float> v2, Vector128<float> v3)
    {
        Vector128<int> low = Vector128.Create(0xFF);
        return ((v0.AsInt32() & low) | ((v1.AsInt32() & low) << 8) | ((v2.AsInt32() & low) << 16) | (v3.AsInt32() << 24)).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<float> AddBits(Vector128<float> a, Vector128<float> b) => (a.AsInt32() + b.AsInt32()).AsSingle();
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void StoreLess(Vector128<float> bits, int less, float* destination) => Vector128.ConvertToSingle(bits.AsInt32() - Vector128.Create(less)).Store(destination);
}
