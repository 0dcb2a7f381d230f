using MeLo.Edge.Imaging;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Demo;

/// <summary>The encoders of the demonstration against the decoders of the product.</summary>
public class DemoPicturesTests
{
    [Theory]
    [InlineData("png8", false, 0)]
    [InlineData("png8", true, 0)]
    [InlineData("png16", false, 0)]
    [InlineData("png16", true, 0)]
    [InlineData("tiff8", true, 0)]
    [InlineData("tiff16", false, 0)]
    [InlineData("bmp", true, 0)]
    [InlineData("webp", true, 0)]
    [InlineData("jpeg", false, 4)]
    [InlineData("jpeg", true, 6)]
    public void Picture_IsDecodedToItsSamples(string format, bool colour, int tolerance)
    {
        DemoImage image = DemoImage.Generate(5, 37, 23, colour); // no multiple of a block or of a row's padding
        byte[] file = format switch
        {
            "png8" => PngFile.Write(image, 8),
            "png16" => PngFile.Write(image, 16),
            "tiff8" => TiffFile.Write(image, 8),
            "tiff16" => TiffFile.Write(image, 16),
            "bmp" => BmpFile.Write(image),
            "webp" => WebpFile.Write(image),
            _ => JpegFile.Write(image),
        };
        PixelBuffer decoded = RasterDecoder.Decode(file, DecodeLimits.Default);
        Assert.Equal((image.Width, image.Height), (decoded.Width, decoded.Height));
        // Compared as the model sees it: prepared without resizing, white is 1.
        float[] prepared = new float[3 * 37 * 37];
        PreprocessRecipe recipe = new(ResizeMode.Squash, 37, Interpolation.Bilinear, [0, 0, 0], [1, 1, 1]);
        DemoImage square = DemoImage.Generate(6, 37, 37, colour);
        byte[] squareFile = format switch
        {
            "png8" => PngFile.Write(square, 8),
            "png16" => PngFile.Write(square, 16),
            "tiff8" => TiffFile.Write(square, 8),
            "tiff16" => TiffFile.Write(square, 16),
            "bmp" => BmpFile.Write(square),
            "webp" => WebpFile.Write(square),
            _ => JpegFile.Write(square),
        };
        Preprocessing.Apply(RasterDecoder.Decode(squareFile, DecodeLimits.Default), recipe, prepared);
        bool deep = format.EndsWith("16", StringComparison.Ordinal);
        double largest = 0;
        for (int c = 0; c < 3; c++)
        {
            for (int i = 0; i < 37 * 37; i++)
            {
                double expected = deep ? square.Word(i % 37, i / 37, c) / 65535.0 : square.Byte(i % 37, i / 37, c) / 255.0;
                largest = Math.Max(largest, Math.Abs(expected - prepared[(c * 37 * 37) + i]));
            }
        }
        Assert.True(largest <= (tolerance / 255.0) + 1e-4, $"largest difference {largest * 255:F2} of 255");
    }
}
