using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Resizes one row: a dot product of contiguous samples for each output. A pixel has 1 lane (gray) or 4 (red, green, blue and one that
/// is never looked at), so that a vector always holds whole pixels. Weights are repeated a lane and padded with zeros to
/// <see cref="Align"/>, and rows are readable for as much beyond their end, so that there are no remainders.
/// </summary>
internal static class RowResampler
{
    /// <summary>Floats in the widest vector.</summary>
    public const int Align = 16;

    /// <summary>Lanes of a pixel of that many channels.</summary>
    public static int Lanes(int channels) => channels == 1 ? 1 : 4;

    /// <summary>[inputs, lanes] from position <see cref="ResampleAxis.Begin"/> on, to [outputs, lanes].</summary>
    public static void Resample(ReadOnlySpan<float> row, ResampleAxis axis, int lanes, Span<float> destination)
    {
        if (Vector128.IsHardwareAccelerated) ResampleVector(row, axis, lanes, destination);
        else ResampleScalar(row, axis, lanes, destination);
    }

    internal static void ResampleScalar(ReadOnlySpan<float> row, ResampleAxis axis, int lanes, Span<float> destination)
    {
        for (int i = 0; i < axis.Count; i++)
        {
            int start = (axis.Start(i) - axis.Begin) * lanes;
            ReadOnlySpan<float> weights = axis.Weights(i);
            for (int lane = 0; lane < lanes; lane++)
            {
                float sum = 0;
                for (int k = lane; k < axis.Length(i) * lanes; k += lanes) sum += row[start + k] * weights[k];
                destination[(i * lanes) + lane] = sum;
            }
        }
    }

    internal static void ResampleVector(ReadOnlySpan<float> row, ResampleAxis axis, int lanes, Span<float> destination)
    {
        for (int i = 0; i < axis.Count; i++)
        {
            ReadOnlySpan<float> weights = axis.Weights(i);
            ReadOnlySpan<float> samples = row.Slice((axis.Start(i) - axis.Begin) * lanes, weights.Length);
            Vector128<float> sum = Vector512.IsHardwareAccelerated ? Dot512(samples, weights)
                : Vector256.IsHardwareAccelerated ? Dot256(samples, weights)
                : Dot128(samples, weights);
            if (lanes == 1) destination[i] = Vector128.Sum(sum);
            else sum.CopyTo(destination[(i * lanes)..]);
        }
    }

    internal static Vector128<float> Dot512(ReadOnlySpan<float> samples, ReadOnlySpan<float> weights)
    {
        ref float s = ref MemoryMarshal.GetReference(samples), w = ref MemoryMarshal.GetReference(weights);
        Vector512<float> sum = Vector512<float>.Zero;
        for (nuint k = 0; k < (nuint)weights.Length; k += 16)
            sum = Vector512.MultiplyAddEstimate(Vector512.LoadUnsafe(ref s, k), Vector512.LoadUnsafe(ref w, k), sum);
        Vector256<float> half = sum.GetLower() + sum.GetUpper();
        return half.GetLower() + half.GetUpper();
    }

    internal static Vector128<float> Dot256(ReadOnlySpan<float> samples, ReadOnlySpan<float> weights)
    {
        ref float s = ref MemoryMarshal.GetReference(samples), w = ref MemoryMarshal.GetReference(weights);
        Vector256<float> even = Vector256<float>.Zero, odd = Vector256<float>.Zero;
        for (nuint k = 0; k < (nuint)weights.Length; k += 16)
        {
            even = Vector256.MultiplyAddEstimate(Vector256.LoadUnsafe(ref s, k), Vector256.LoadUnsafe(ref w, k), even);
            odd = Vector256.MultiplyAddEstimate(Vector256.LoadUnsafe(ref s, k + 8), Vector256.LoadUnsafe(ref w, k + 8), odd);
        }
        Vector256<float> sum = even + odd;
        return sum.GetLower() + sum.GetUpper();
    }

    internal static Vector128<float> Dot128(ReadOnlySpan<float> samples, ReadOnlySpan<float> weights)
    {
        ref float s = ref MemoryMarshal.GetReference(samples), w = ref MemoryMarshal.GetReference(weights);
        Vector128<float> even = Vector128<float>.Zero, odd = Vector128<float>.Zero;
        for (nuint k = 0; k < (nuint)weights.Length; k += 8)
        {
            even = Vector128.MultiplyAddEstimate(Vector128.LoadUnsafe(ref s, k), Vector128.LoadUnsafe(ref w, k), even);
            odd = Vector128.MultiplyAddEstimate(Vector128.LoadUnsafe(ref s, k + 4), Vector128.LoadUnsafe(ref w, k + 4), odd);
        }
        return even + odd;
    }
}
