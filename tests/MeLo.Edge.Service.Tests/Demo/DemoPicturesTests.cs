using MeLo.Edge.Imaging;
using MeLo.Edge.Phantoms;
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
        Picture picture = Draw(colour, 37, 23); // no multiple of a block or of a row's padding
        PixelBuffer decoded = RasterDecoder.Decode(Write(format, picture), DecodeLimits.Default);
        Assert.Equal((picture.Width, picture.Height), (decoded.Width, decoded.Height));
        // Compared as the model sees it: prepared without resizing, white is 1.
        float[] prepared = new float[3 * 37 * 37];
        PreprocessRecipe recipe = new(ResizeMode.Squash, 37, Interpolation.Bilinear, [0, 0, 0], [1, 1, 1]);
        Picture square = Draw(colour, 37, 37);
        Preprocessing.Apply(RasterDecoder.Decode(Write(format, square), DecodeLimits.Default), recipe, prepared);
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
    [Fact]
    public void Names_DoNotTellTheTruth()
    {
        foreach (DemoTask task in DemoTask.All)
        {
            DemoPicture[] pictures = [.. DemoPictures.Of(task)];
            Assert.Equal(task.Labels.Order(), pictures.Select(p => p.Label).Distinct().Order());
            Assert.All(pictures, p => Assert.DoesNotContain(task.Labels, label => label != task.Name && p.Name.Contains(label, StringComparison.Ordinal)));
        }
    }

    private static Picture Draw(bool colour, int width, int height) => (colour ? Phantom.Smear : Phantom.Chest).Draw(5, 1, width, height);

    private static byte[] Write(string format, Picture picture) => format switch
    {
        "png8" => PngFile.Write(picture, 8),
        "png16" => PngFile.Write(picture, 16),
        "tiff8" => TiffFile.Write(picture, 8),
        "tiff16" => TiffFile.Write(picture, 16),
        "bmp" => BmpFile.Write(picture),
        "webp" => WebpFile.Write(picture),
        _ => JpegFile.Write(picture),
    };
}
