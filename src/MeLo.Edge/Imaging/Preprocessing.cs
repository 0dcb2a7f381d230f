using System.Buffers;

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
            for (int c = 0; c < Channels; c++)
            {
                // (v / white - mean) / std
                float scale = 1 / (image.White * recipe.Std[c]), offset = -recipe.Mean[c] / recipe.Std[c];
                Normalise(resized, lanes == 1 ? 0 : c, lanes, scale, offset, destination.Slice(c * size * size, size * size));
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(resized);
        }
    }

    private static void Normalise(ReadOnlySpan<float> pixels, int lane, int lanes, float scale, float offset, Span<float> plane)
    {
        for (int i = 0; i < plane.Length; i++) plane[i] = (pixels[(i * lanes) + lane] * scale) + offset;
    }
}
