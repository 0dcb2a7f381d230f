using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MeLo.Edge.Kernels;

/// <summary>Makes bytes of a row of activations, with a range for every group of features: <see cref="ByteRows"/>.</summary>
/// <remarks>Written in 512-bit vectors, which .NET halves where the processor has none so wide: the result is the same bits everywhere.</remarks>
internal static unsafe class RowQuantizer
{
    private const float Largest = 255;

    // 1.5·2^23: a small float added to it is rounded half to even to a whole number, which is then in its lowest bits.
    private const float Rounder = 12582912f;

    // Below it the steps would be subnormal: such a range is one value.
    private const float SmallestRange = 1e-30f;

    /// <summary>Quantises a whole row, group by group.</summary>
    /// <param name="values">The row.</param>
    /// <param name="rows">Where the bytes and ranges go.</param>
    /// <param name="row">The row's number there.</param>
    public static void Row(float* values, in ByteRows rows, int row)
    {
        byte* bytes = rows.Bytes + ((long)row * rows.RowBytes);
        for (int group = 0; group < rows.Groups; group++)
        {
            int first = group * PackedMatrix.GroupRows;
            Group(values + first, Math.Min(PackedMatrix.GroupRows, rows.Features - first), bytes + first, rows.Scales + ((long)group * rows.Rows) + row, rows.Lows + ((long)group * rows.Rows) + row);
        }
    }

    /// <summary>
    /// Normalises a row to mean 0 and variance 1, multiplies and adds (ONNX's LayerNormalization over the last axis), turns it (<see cref="Rotation"/>) on
    /// request, and quantises it. A row that is not finite, or whose variance is not, has ranges of NaN.
    /// </summary>
    /// <param name="values">The row.</param>
    /// <param name="gain">[features].</param>
    /// <param name="bias">[features].</param>
    /// <param name="epsilon">What is added to the variance.</param>
    /// <param name="rotated">Whether it is turned.</param>
    /// <param name="scratch">[features] floats.</param>
    /// <param name="rows">Where the bytes and ranges go.</param>
    /// <param name="row">The row's number there.</param>
    public static void NormalizedRow(float* values, float* gain, float* bias, float epsilon, bool rotated, float* scratch, in ByteRows rows, int row)
    {
        Normalize(values, rows.Features, gain, bias, epsilon, scratch);
        if (rotated) Rotation.Row(scratch, rows.Features);
        Row(scratch, rows, row);
    }

    /// <summary>Quantises one group.</summary>
    /// <param name="values">The features.</param>
    /// <param name="count">How many, at least 1.</param>
    /// <param name="bytes">Where their bytes go.</param>
    /// <param name="scale">Where the scale goes; NaN where a feature is not finite, so that what is computed from it is not either.</param>
    /// <param name="low">Where the low goes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Group(float* values, int count, byte* bytes, float* scale, float* low)
    {
        int lanes = Vector512<float>.Count, vectors = count - (count % lanes);
        float smallest = float.PositiveInfinity, largest = float.NegativeInfinity, zero = 0;
        if (vectors > 0)
        {
            Vector512<float> min = Vector512.Load(values), max = min, none = default;
            for (int i = 0; i < vectors; i += lanes)
            {
                Vector512<float> value = Vector512.Load(values + i);
                min = Vector512.MinNative(min, value);
                max = Vector512.MaxNative(max, value);
                none = Vector512.FusedMultiplyAdd(value, default, none); // stays zero while every value is finite
            }
            (smallest, largest, zero) = (Smallest(min), -Smallest(-max), Vector512.Sum(none));
        }
        for (int i = vectors; i < count; i++)
        {
            smallest = MathF.Min(smallest, values[i]);
            largest = MathF.Max(largest, values[i]);
            zero += values[i] * 0;
        }
        float range = largest - smallest, inverse = range >= SmallestRange ? Largest / range : 0;
        bool finite = zero == 0 && float.IsFinite(range);
        *scale = !finite ? float.NaN : inverse == 0 ? 0 : range / Largest;
        *low = finite ? smallest : float.NaN;
        Round(values, count, vectors, smallest, inverse, bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(float* values, int count, int vectors, float low, float inverse, byte* bytes)
    {
        int lanes = Vector512<float>.Count, i = 0;
        Vector512<float> lows = Vector512.Create(low), inverses = Vector512.Create(inverse), rounder = Vector512.Create(Rounder);
        for (; i <= vectors - (4 * lanes); i += 4 * lanes)
        {
            Vector512<int> a = Bytes(values + i), b = Bytes(values + i + lanes), c = Bytes(values + i + (2 * lanes)), d = Bytes(values + i + (3 * lanes));
            Vector512.Narrow(Vector512.Narrow(a, b), Vector512.Narrow(c, d)).AsByte().Store(bytes + i);
        }
        for (; i < count; i++) bytes[i] = (byte)BitConverter.SingleToInt32Bits(((values[i] - low) * inverse) + Rounder);

        Vector512<int> Bytes(float* from) => (((Vector512.Load(from) - lows) * inverses) + rounder).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normalize(float* values, int count, float* gain, float* bias, float epsilon, float* to)
    {
        int lanes = Vector512<float>.Count, vectors = count - (count % lanes);
        Vector512<float> sums = default;
        for (int i = 0; i < vectors; i += lanes) sums += Vector512.Load(values + i);
        float sum = Vector512.Sum(sums);
        for (int i = vectors; i < count; i++) sum += values[i];
        float mean = sum / count;

        Vector512<float> means = Vector512.Create(mean), squares = default;
        for (int i = 0; i < vectors; i += lanes)
        {
            Vector512<float> difference = Vector512.Load(values + i) - means;
            squares = Vector512.FusedMultiplyAdd(difference, difference, squares);
        }
        float square = Vector512.Sum(squares);
        for (int i = vectors; i < count; i++) square += (values[i] - mean) * (values[i] - mean);
        float factor = 1 / MathF.Sqrt((square / count) + epsilon);
        if (factor == 0) factor = float.NaN; // the variance overflowed: the row must not pass for one that is all mean

        Vector512<float> factors = Vector512.Create(factor);
        for (int i = 0; i < vectors; i += lanes)
            Vector512.FusedMultiplyAdd((Vector512.Load(values + i) - means) * factors, Vector512.Load(gain + i), Vector512.Load(bias + i)).Store(to + i);
        for (int i = vectors; i < count; i++) to[i] = MathF.FusedMultiplyAdd((values[i] - mean) * factor, gain[i], bias[i]);
    }

    private static float Smallest(Vector512<float> value)
    {
        Vector256<float> v = Vector256.MinNative(value.GetLower(), value.GetUpper());
        Vector128<float> w = Vector128.MinNative(v.GetLower(), v.GetUpper());
        return MathF.Min(MathF.Min(w[0], w[1]), MathF.Min(w[2], w[3]));
    }
}
