using System.Diagnostics;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Engine;

/// <summary>An image as the network takes it: decoded, resized, normalised. It can be made on any thread while another image runs.</summary>
public sealed class PreparedImage
{
    private PreparedImage(float[] pixels, PreprocessRecipe recipe, double decodeMilliseconds, double preprocessMilliseconds)
    {
        Pixels = pixels;
        Recipe = recipe;
        DecodeMilliseconds = decodeMilliseconds;
        PreprocessMilliseconds = preprocessMilliseconds;
    }

    /// <summary>How long decoding took.</summary>
    public double DecodeMilliseconds { get; }

    /// <summary>How long resizing and normalising took.</summary>
    public double PreprocessMilliseconds { get; }

    /// <summary>[3, size, size], channels in the order red, green, blue.</summary>
    internal float[] Pixels { get; }

    /// <summary>The recipe it was made with: an image prepared for one task is not an input of another with other rules.</summary>
    internal PreprocessRecipe Recipe { get; }

    /// <summary>Pixels that were prepared elsewhere by the recipe's rules.</summary>
    internal static PreparedImage FromPixels(float[] pixels, PreprocessRecipe recipe) => new(pixels, recipe, 0, 0);

    /// <summary>Decodes and preprocesses an image file.</summary>
    /// <exception cref="ImageException">The file is no readable image, or exceeds the limits.</exception>
    internal static PreparedImage From(ReadOnlyMemory<byte> file, PreprocessRecipe recipe, DecodeLimits limits)
    {
        long start = Stopwatch.GetTimestamp();
        PixelBuffer image = RasterDecoder.Decode(file, limits);
        double decode = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        start = Stopwatch.GetTimestamp();
        float[] pixels = GC.AllocateUninitializedArray<float>(3 * recipe.Size * recipe.Size);
        Preprocessing.Apply(image, recipe, pixels);
        image.Return();
        return new PreparedImage(pixels, recipe, decode, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }
}
