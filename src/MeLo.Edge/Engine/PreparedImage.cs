using System.Diagnostics;
using MeLo.Edge.Bundles;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Engine;

/// <summary>An image as the network takes it: decoded, resized, normalised. It can be made on any thread while another image runs.</summary>
public sealed class PreparedImage
{
    private PreparedImage(float[] pixels, InputDescription input, double decodeMilliseconds, double preprocessMilliseconds)
    {
        Pixels = pixels;
        Input = input;
        DecodeMilliseconds = decodeMilliseconds;
        PreprocessMilliseconds = preprocessMilliseconds;
    }

    /// <summary>How long decoding took.</summary>
    public double DecodeMilliseconds { get; }

    /// <summary>How long resizing and normalising took.</summary>
    public double PreprocessMilliseconds { get; }

    /// <summary>[3, size, size], channels in the order red, green, blue.</summary>
    internal float[] Pixels { get; }

    /// <summary>The rules it was made by: an image prepared for one task is not an input of another with other rules.</summary>
    internal InputDescription Input { get; }

    /// <summary>Where the pixels lie in the picture that they were made of; null where they were prepared elsewhere.</summary>
    internal SourceSquare? Square { get; private init; }

    /// <summary>Pixels that were prepared elsewhere by the rules.</summary>
    internal static PreparedImage FromPixels(float[] pixels, InputDescription input) => new(pixels, input, 0, 0);

    /// <summary>Decodes and preprocesses an image file.</summary>
    /// <exception cref="ImageException">The file is no readable image, or exceeds the limits.</exception>
    internal static PreparedImage From(ReadOnlyMemory<byte> file, InputDescription input, DecodeLimits limits)
    {
        long start = Stopwatch.GetTimestamp();
        PixelBuffer image = Decode(file, input, limits);
        PreprocessRecipe recipe = input.Preprocess;
        double decode = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        start = Stopwatch.GetTimestamp();
        float[] pixels = GC.AllocateUninitializedArray<float>(3 * recipe.Size * recipe.Size);
        Preprocessing.Apply(image, recipe, pixels);
        image.Return();
        return new PreparedImage(pixels, input, decode, Stopwatch.GetElapsedTime(start).TotalMilliseconds) { Square = SourceSquare.Of(recipe, image.Width, image.Height, image.Orientation) };
    }

    private static PixelBuffer Decode(ReadOnlyMemory<byte> file, InputDescription input, DecodeLimits limits)
    {
        if (!DicomDecoder.IsDicom(file.Span)) return RasterDecoder.Decode(file, limits);
        return DicomDecoder.Decode(file, input.Dicom ?? throw ImageException.DicomNotTaken("a picture: the bundle does not say which values of DICOM images are black and white (input.dicom)"), limits);
    }
}
