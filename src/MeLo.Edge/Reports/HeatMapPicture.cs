using System.Numerics.Tensors;
using MeLo.Edge.Bundles;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Reports;

/// <summary>
/// A heat map over the picture that it is of, for people: the coldest patch leaves the picture as it is, warmer ones lie over it in the colours of <em>inferno</em> (matplotlib's, perceptually
/// uniform: the warmer the lighter, for every eye), the more opaque the warmer.
/// </summary>
public static class HeatMapPicture
{
    /// <summary>The most pixels along the longer side; larger pictures are reduced.</summary>
    public const int MostPixels = 1024;

    /// <summary>The fewest pixels along the longer side; smaller pictures are enlarged, so that the notice leaves most of them free.</summary>
    public const int FewestPixels = 384;

    // The picture has to be seen under the warmest patch.
    private const float MostOpaque = 0.6f;

    // inferno at 0, 1/9 ... 1.
    private static readonly (byte Red, byte Green, byte Blue)[] s_inferno =
        [(0, 0, 4), (27, 12, 66), (75, 12, 107), (120, 28, 109), (165, 44, 96), (207, 68, 70), (237, 105, 37), (251, 154, 6), (247, 208, 60), (252, 255, 164)];

    /// <summary>Draws a heat map over the picture of a file: a DICOM image as the task's bundle has it prepared, another one as it is stored, both upright.</summary>
    /// <param name="map">The heat map.</param>
    /// <param name="imageFile">The file that was explained.</param>
    /// <param name="input">The input of the task's description.</param>
    /// <param name="notice">Whether <c>NOT FOR DIAGNOSTIC USE</c> is burnt in.</param>
    /// <param name="limits">What the file may cost; <see cref="DecodeLimits.Default"/> unless given.</param>
    /// <returns>RGB, 8 bits, <see cref="FewestPixels"/> to <see cref="MostPixels"/> along the longer side, or as large as the notice needs where the picture is much longer than wide.</returns>
    /// <exception cref="ImageException">The file is no image that the task takes.</exception>
    /// <exception cref="ArgumentException">The map is of another picture.</exception>
    public static PixelBuffer Draw(HeatMap map, ReadOnlyMemory<byte> imageFile, InputDescription input, bool notice = true, DecodeLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (!DicomDecoder.IsDicom(imageFile.Span)) return Draw(map, RasterDecoder.Decode(imageFile, limits), notice);
        return Draw(map, DicomDecoder.Decode(imageFile, input.Dicom ?? throw ImageException.DicomNotTaken("a picture: the bundle does not say which values of DICOM images are black and white"), limits), notice);
    }

    /// <summary>Draws a heat map over a decoded picture.</summary>
    /// <inheritdoc cref="Draw(HeatMap, ReadOnlyMemory{byte}, InputDescription, bool, DecodeLimits?)"/>
    /// <param name="map">The heat map.</param>
    /// <param name="picture">The picture that it is of.</param>
    /// <param name="notice">Whether <c>NOT FOR DIAGNOSTIC USE</c> is burnt in.</param>
    public static PixelBuffer Draw(HeatMap map, PixelBuffer picture, bool notice = true)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(picture);
        if ((map.Square.PictureWidth, map.Square.PictureHeight) != (picture.Width, picture.Height))
            throw new ArgumentException($"Found a picture of {picture.Width} x {picture.Height} pixels, expected {map.Square.PictureWidth} x {map.Square.PictureHeight}: the map is of another one.", nameof(picture));
        int longer = Math.Max(picture.Width, picture.Height);
        double scale = Math.Clamp(longer, FewestPixels, MostPixels) / (double)longer;
        int width = Math.Max(1, (int)Math.Round(picture.Width * scale)), height = Math.Max(1, (int)Math.Round(picture.Height * scale));
        byte[] pixels = Resize(picture, width, height);
        float coldest = TensorPrimitives.Min(map.Values.Span);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                float value = map.At((x + 0.5) * picture.Width / width, (y + 0.5) * picture.Height / height);
                if (value > coldest) Lay((value - coldest) / (1 - coldest), pixels.AsSpan(3 * ((y * width) + x), 3));
            }
        }
        PixelBuffer drawn = Orientations.Apply(new PixelBuffer(width, height, 3, pixels, orientation: picture.Orientation));
        return notice ? Notice.BurnInto(drawn) : drawn;
    }

    // [height, width, 3], whatever channels and depth the picture has.
    private static byte[] Resize(PixelBuffer picture, int width, int height)
    {
        int lanes = RowResampler.Lanes(picture.Channels);
        ResampleAxis horizontal = new(picture.Width, width, 0, width, Interpolation.Bilinear, lanes, RowResampler.Align), vertical = new(picture.Height, height, 0, height, Interpolation.Bilinear);
        float[] resized = new float[width * height * lanes];
        Resampler.Resample(picture, horizontal, vertical, clamp: true, resized);
        byte[] pixels = new byte[3 * width * height];
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (byte)((resized[(i / 3 * lanes) + (lanes == 1 ? 0 : i % 3)] / picture.White * byte.MaxValue) + 0.5f);
        return pixels;
    }

    private static void Lay(float warmth, Span<byte> pixel)
    {
        float at = warmth * (s_inferno.Length - 1), opacity = warmth * MostOpaque;
        int before = Math.Min((int)at, s_inferno.Length - 2);
        (byte Red, byte Green, byte Blue) from = s_inferno[before], to = s_inferno[before + 1];
        Mix(ref pixel[0], from.Red, to.Red);
        Mix(ref pixel[1], from.Green, to.Green);
        Mix(ref pixel[2], from.Blue, to.Blue);

        void Mix(ref byte under, byte first, byte second) => under = (byte)(float.Lerp(under, float.Lerp(first, second, at - before), opacity) + 0.5f);
    }
}
