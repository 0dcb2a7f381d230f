using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Turns a decoded picture into the model's input tensor as Pillow and torchvision do, but in floats from the source's full depth.
/// Colour and 8-bit gray are kept within black and white after each pass, as Pillow's 8-bit resize does; deeper gray is not, as in
/// Pillow's mode F.
/// </summary>
public static class Preprocessing
{
    private const int Channels = 3;

    /// <summary>Writes [3, size, size]: resized, cut, and (sample - mean) / std. Gray goes to all three channels.</summary>
    /// <param name="image">Any picture; it is not changed.</param>
    /// <param name="recipe">What to do.</param>
    /// <param name="destination">Exactly <see cref="PreprocessRecipe.TensorLength"/> floats.</param>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    public static void Apply(PixelBuffer image, PreprocessRecipe recipe, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentNullException.ThrowIfNull(recipe);
        if (destination.Length != recipe.TensorLength)
            throw new ArgumentException($"found {destination.Length} floats, expected {recipe.TensorLength} for [3, {recipe.Size}, {recipe.Size}]", nameof(destination));
        if (recipe.HonourOrientation) image = Orientations.Apply(image);

        int size = recipe.Size, lanes = RowResampler.Lanes(image.Channels);
        ResizeGeometry geometry = ResizeGeometry.For(recipe, image.Width, image.Height);
        ResampleAxis horizontal = new(image.Width, geometry.Width, geometry.Left, size, recipe.Interpolation, lanes, RowResampler.Align);
        ResampleAxis vertical = new(image.Height, geometry.Height, geometry.Top, size, recipe.Interpolation);
        bool clamp = image.Depth == SampleDepth.Bits8 || image.Channels == Channels;
        float[] resized = ArrayPool<float>.Shared.Rent(size * size * lanes);
        try
        {
            Resampler.Resample(image, horizontal, vertical, clamp, resized.AsSpan(0, size * size * lanes));
            Span<float> scales = stackalloc float[RowResampler.ColourLanes], offsets = stackalloc float[RowResampler.ColourLanes];
            scales.Clear();
            offsets.Clear();
            for (int c = 0; c < Channels; c++)
            {
                // (v / white - mean) / std
                (scales[c], offsets[c]) = (1 / (image.White * recipe.Std[c]), -recipe.Mean[c] / recipe.Std[c]);
            }
            ReadOnlySpan<float> pixels = resized.AsSpan(0, size * size * lanes);
            if (lanes == 1) NormaliseGray(pixels, scales, offsets, destination);
            else NormaliseColour(pixels, scales, offsets, destination);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(resized);
        }
    }

    // Rounded after the product and after the sum, as everywhere that a tensor was made before: no fused multiply-add.
    internal static void NormaliseGray(ReadOnlySpan<float> pixels, ReadOnlySpan<float> scales, ReadOnlySpan<float> offsets, Span<float> planes)
    {
        for (int c = 0; c < Channels; c++)
        {
            Span<float> plane = planes.Slice(c * pixels.Length, pixels.Length);
            TensorPrimitives.Multiply(pixels, scales[c], plane);
            TensorPrimitives.Add(plane, offsets[c], plane);
        }
    }

    // A pixel in one step, its samples to a plane each.
    internal static void NormaliseColour(ReadOnlySpan<float> pixels, ReadOnlySpan<float> scales, ReadOnlySpan<float> offsets, Span<float> planes)
    {
        int length = planes.Length / Channels;
        Span<float> red = planes[..length], green = planes.Slice(length, length), blue = planes.Slice(2 * length, length);
        ReadOnlySpan<Vector128<float>> vectors = MemoryMarshal.Cast<float, Vector128<float>>(pixels);
        Vector128<float> scale = Vector128.Create(scales), offset = Vector128.Create(offsets);
        for (int i = 0; i < vectors.Length; i++)
        {
            Vector128<float> pixel = (vectors[i] * scale) + offset;
            (red[i], green[i], blue[i]) = (pixel.GetElement(0), pixel.GetElement(1), pixel.GetElement(2));
        }
    }
}
