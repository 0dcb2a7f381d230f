using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace MeLo.Edge.Kernels;

/// <summary>The vector operations of <see cref="ByteTile"/>. Every one of them is exact: no sum of products is ever clipped.</summary>
internal unsafe interface IByteLanes<TVector>
    where TVector : struct
{
    /// <summary>The sums in a vector.</summary>
    static abstract int Count { get; }

    /// <summary>The sums before the first product.</summary>
    /// <param name="sums">The sums of the columns' weights.</param>
    static abstract TVector Begin(float* sums);

    /// <summary>Four weights of each column.</summary>
    static abstract TVector Load(sbyte* weights);

    /// <summary>Four bytes of a row, for every column.</summary>
    static abstract TVector BroadcastQuad(byte* quad);

    /// <summary>Adds four products to every sum.</summary>
    static abstract TVector Dot(TVector sum, TVector bytes, TVector weights);

    /// <summary>A group's share of a row, as <see cref="TileCall"/> has it: stores before + (scale · sum) · columns' scales + low · (columns' scales · sums).</summary>
    static abstract void FinishGroup(TVector sum, float scale, float* columnScales, float* sums, float low, float* before, float* partial);
}

/// <summary>AVX-VNNI: the dot product of Intel's client processors from the twelfth generation and of Zen 5.</summary>
internal readonly unsafe struct AvxVnniLanes : IByteLanes<Vector256<int>>
{
    public static int Count => Vector256<int>.Count;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<int> Begin(float* sums) => default;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<int> Load(sbyte* weights) => Vector256.Load(weights).AsInt32();
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<int> BroadcastQuad(byte* quad) => Vector256.Create(Unsafe.ReadUnaligned<int>(quad));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<int> Dot(Vector256<int> sum, Vector256<int> bytes, Vector256<int> weights) => AvxVnni.MultiplyWideningAndAdd(sum, bytes.AsByte(), weights.AsSByte());
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static void FinishGroup(Vector256<int> sum, float scale, float* columnScales, float* sums, float low, float* before, float* partial) => Avx2Lanes.FinishGroup(sum, scale, columnScales, sums, low, before, partial);
}

/// <summary>
/// AVX2 without dot products. Its own product of bytes, vpmaddubsw, clips to 16 bits; here bytes are widened to 16 bits first, and pairs of their
/// products added in 32.
/// </summary>
internal readonly unsafe struct Avx2Lanes : IByteLanes<Vector256<int>>
{
    public static int Count => Vector256<int>.Count;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<int> Begin(float* sums) => default;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<int> Load(sbyte* weights) => Vector256.Load(weights).AsInt32();
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector256<int> BroadcastQuad(byte* quad) => Vector256.Create(Unsafe.ReadUnaligned<int>(quad));
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Dot(Vector256<int> sum, Vector256<int> bytes, Vector256<int> weights)
    {
        Vector256<short> w = weights.AsInt16();
        Vector256<int> even = Avx2.MultiplyAddAdjacent((bytes & Vector256.Create(0x00FF00FF)).AsInt16(), (w << 8) >> 8);
        Vector256<int> odd = Avx2.MultiplyAddAdjacent((bytes.AsUInt16() >> 8).AsInt16(), w >> 8);
        return sum + even + odd;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FinishGroup(Vector256<int> sum, float scale, float* columnScales, float* sums, float low, float* before, float* partial)
    {
        Vector256<float> scales = Vector256.Load(columnScales);
        Vector256<float> value = Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(sum) * scale, scales, Vector256.Load(before));
        Vector256.FusedMultiplyAdd(scales * Vector256.Load(sums), Vector256.Create(low), value).Store(partial);
    }
}

/// <summary>
/// Arm's dot product, of signed bytes with signed ones. Activations are unsigned: 128 is taken off each, and 128 times the sum of
/// the weights is where the sums begin.
/// </summary>
internal readonly unsafe struct ArmDotLanes : IByteLanes<Vector128<int>>
{
    public static int Count => Vector128<int>.Count;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<int> Begin(float* sums) => Vector128.ConvertToInt32(Vector128.Load(sums)) * 128;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<int> Load(sbyte* weights) => Vector128.Load(weights).AsInt32();
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<int> BroadcastQuad(byte* quad) => Vector128.Create(Unsafe.ReadUnaligned<uint>(quad) ^ 0x80808080u).AsInt32();
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static Vector128<int> Dot(Vector128<int> sum, Vector128<int> bytes, Vector128<int> weights) => Dp.DotProduct(sum, bytes.AsSByte(), weights.AsSByte());
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FinishGroup(Vector128<int> sum, float scale, float* columnScales, float* sums, float low, float* before, float* partial)
    {
        Vector128<float> scales = Vector128.Load(columnScales);
        Vector128<float> value = Vector128.FusedMultiplyAdd(Vector128.ConvertToSingle(sum) * scale, scales, Vector128.Load(before));
        Vector128.FusedMultiplyAdd(scales * Vector128.Load(sums), Vector128.Create(low), value).Store(partial);
    }
}
