using System.Diagnostics;
using MeLo.Edge.Bundles;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;

namespace MeLo.Edge.Engine;

/// <summary>An image, or the slices of a volume, as the network takes them: decoded, resized, normalised. It can be made on any thread while another image runs.</summary>
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

    /// <summary>How many pictures the network looks at: 1, or the slices of a volume.</summary>
    public int Pictures => Input.Volume?.Pictures ?? 1;

    /// <summary>[<see cref="Pictures"/>, 3, size, size], channels in the order red, green, blue.</summary>
    internal float[] Pixels { get; }

    /// <summary>The rules it was made by: an image prepared for one task is not an input of another with other rules.</summary>
    internal InputDescription Input { get; }

    /// <summary>Where the pixels lie in the picture that they were made of; null where they were prepared elsewhere.</summary>
    internal SourceSquare? Square { get; private init; }

    /// <summary>Pixels that were prepared elsewhere by the rules.</summary>
    internal static PreparedImage FromPixels(float[] pixels, InputDescription input) => new(pixels, input, 0, 0);

    /// <summary>Decodes and preprocesses an image file, or a volume.</summary>
    /// <exception cref="ImageException">The file is no readable image, or exceeds the limits.</exception>
    internal static PreparedImage From(ReadOnlyMemory<byte> file, InputDescription input, DecodeLimits limits)
    {
        if (input.Volume is { } volume) return OfVolume(file, input, volume, limits);
        long start = Stopwatch.GetTimestamp();
        PixelBuffer image = Decode(file, input, limits);
        PreprocessRecipe recipe = input.Preprocess;
        double decode = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        start = Stopwatch.GetTimestamp();
        float[] pixels = GC.AllocateUninitializedArray<float>(recipe.TensorLength);
        Preprocessing.Apply(image, recipe, pixels);
        image.Return();
        return new PreparedImage(pixels, input, decode, Stopwatch.GetElapsedTime(start).TotalMilliseconds) { Square = SourceSquare.Of(recipe, image.Width, image.Height, image.Orientation) };
    }

    private static PreparedImage OfVolume(ReadOnlyMemory<byte> file, InputDescription input, VolumeRecipe recipe, DecodeLimits limits)
    {
        long start = Stopwatch.GetTimestamp();
        Volume volume = VolumeDecoder.Decode(file, input.Dicom, limits);
        VolumeSlices slices = VolumeSlices.Of(volume, recipe);
        double decode = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        start = Stopwatch.GetTimestamp();
        int length = input.Preprocess.TensorLength;
        float[] pixels = GC.AllocateUninitializedArray<float>(slices.Count * length);
        Parallel.For(0, slices.Count, slice => Preprocessing.Apply(volume.Cut(slices, slice), input.Preprocess, pixels.AsSpan(slice * length, length)));
        return new PreparedImage(pixels, input, decode, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    private static PixelBuffer Decode(ReadOnlyMemory<byte> file, InputDescription input, DecodeLimits limits)
    {
        if (!DicomDecoder.IsDicom(file.Span)) return RasterDecoder.Decode(file, limits);
        return DicomDecoder.Decode(file, input.Dicom ?? throw ImageException.DicomNotTaken("a picture: the bundle does not say which values of DICOM images are black and white (input.dicom)"), limits);
    }
}
