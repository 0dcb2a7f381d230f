using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Resizes a picture, horizontally then vertically, in floats. Rows stream: each input row is resized and added at once to the output
/// rows that it is part of, so that memory depends on the output only, and no input row is touched that the output does not need.
/// </summary>
internal static class Resampler
{
    /// <summary>
    /// Resizes to [vertical.Count, horizontal.Count, lanes] in the image's own units; lanes as <see cref="RowResampler.Lanes"/> says.
    /// With <paramref name="clamp"/>, samples are kept within black and white after each pass, as arithmetic on 8-bit pixels does.
    /// </summary>
    public static void Resample(PixelBuffer image, ResampleAxis horizontal, ResampleAxis vertical, bool clamp, Span<float> destination)
    {
        int lanes = RowResampler.Lanes(image.Channels);
        int columns = horizontal.End - horizontal.Begin, outputLength = horizontal.Count * lanes;
        // Pixels are loaded 4 floats at a time from packed rows of 3, hence one more; what lies behind a row is multiplied with 0.
        float[] packed = ArrayPool<float>.Shared.Rent((columns * image.Channels) + horizontal.Stride + 1);
        float[] spread = ArrayPool<float>.Shared.Rent((columns * lanes) + horizontal.Stride);
        float[] resized = ArrayPool<float>.Shared.Rent(outputLength);
        try
        {
            packed.AsSpan(columns * image.Channels).Clear();
            spread.AsSpan(columns * lanes).Clear();
            destination.Clear();
            int firstOutput = 0;
            for (int y = vertical.Begin; y < vertical.End; y++)
            {
                image.CopyRow(y, horizontal.Begin, columns, packed);
                if (lanes != image.Channels) Spread(packed, spread, columns);
                Span<float> row = resized.AsSpan(0, outputLength);
                RowResampler.Resample(lanes == image.Channels ? packed : spread, horizontal, lanes, row);
                if (clamp) TensorPrimitives.Clamp(row, 0f, image.White, row);
                // Between its passes Pillow has whole levels. Models were trained on what follows from that, and when a picture is
                // enlarged it is half of the difference to Pillow; the other half, its rounding at the end, is not repeated here.
                if (image.Depth == SampleDepth.Bits8) RoundHalfUp(row);

                while (vertical.Start(firstOutput) + vertical.Length(firstOutput) <= y) firstOutput++;
                for (int i = firstOutput; i < vertical.Count && vertical.Start(i) <= y; i++)
                {
                    Span<float> sum = destination.Slice(i * outputLength, outputLength);
                    TensorPrimitives.MultiplyAdd(row, vertical.Weights(i)[y - vertical.Start(i)], sum, sum);
                }
            }
            if (clamp) TensorPrimitives.Clamp(destination, 0f, image.White, destination);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(packed);
            ArrayPool<float>.Shared.Return(spread);
            ArrayPool<float>.Shared.Return(resized);
        }
    }

    // Pillow adds half a level and shifts. Halves are frequent: many weights are short binary fractions.
    private static void RoundHalfUp(Span<float> row)
    {
        TensorPrimitives.Add(row, 0.5f, row);
        TensorPrimitives.Floor(row, row);
    }

    /// <summary>[pixels, 3] to [pixels, 4]; the fourth lane holds what happens to lie there.</summary>
    private static void Spread(ReadOnlySpan<float> packed, Span<float> spread, int pixels)
    {
        ref float from = ref MemoryMarshal.GetReference(packed[..((pixels * 3) + 1)]);
        ref float to = ref MemoryMarshal.GetReference(spread[..(pixels * 4)]);
        for (nuint x = 0; x < (nuint)pixels; x++) Vector128.LoadUnsafe(ref from, x * 3).StoreUnsafe(ref to, x * 4);
    }
}
