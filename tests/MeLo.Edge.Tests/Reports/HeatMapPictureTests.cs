using MeLo.Edge.Bundles;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Reports;

namespace MeLo.Edge.Tests.Reports;

public sealed class HeatMapPictureTests
{
    [Theory]
    [InlineData(500, 300, 500, 300)]
    [InlineData(384, 200, 384, 200)]
    [InlineData(4000, 2000, 1024, 512)]
    [InlineData(28, 28, 384, 384)]
    [InlineData(250, 125, 384, 192)]
    [InlineData(2000, 1, 1024, 1)]
    public void Picture_KeepsItsSize_WithinLimits(int width, int height, int expectedWidth, int expectedHeight)
    {
        PixelBuffer drawn = HeatMapPicture.Draw(Map(width, height), Gray(width, height), notice: false);
        Assert.Equal((expectedWidth, expectedHeight, 3, SampleDepth.Bits8), (drawn.Width, drawn.Height, drawn.Channels, drawn.Depth));
    }

    [Fact]
    public void ColdPlaces_ShowThePicture_AndTheWarmestIsColoured()
    {
        // Warm in the upper left patch of 2 x 2, a quarter of it in the lower right one.
        PixelBuffer drawn = HeatMapPicture.Draw(Map(400, 300, 1, 0.2f, 0.2f, 0.4f), Gray(400, 300), notice: false);
        Assert.Equal([100, 100, 100], Pixel(drawn, 399, 0));
        Assert.Equal([100, 100, 100], Pixel(drawn, 0, 299));
        Assert.Equal([191, 193, 138], Pixel(drawn, 2, 2)); // 0.4 x 100 + 0.6 x (252, 255, 164)
        byte[] weaker = Pixel(drawn, 398, 298);
        Assert.True(weaker[0] > weaker[1], $"{string.Join(',', weaker)}");
        Assert.Equal(1.0, Warmth(drawn, 200, 150) / Warmth(HeatMapPicture.Draw(Map(400, 300, 1, 0.2f, 0.2f, 0.4f), Gray(400, 300), notice: false), 200, 150));
    }

    [Fact]
    public void OutsideOfTheSquare_ThePictureIsAsItWas()
    {
        PreprocessRecipe recipe = new(ResizeMode.ShortestSide, 100, Interpolation.Bilinear, [0, 0, 0], [1, 1, 1], 100);
        HeatMap map = new("t", 1, "b", "b", [1f, 1f, 1f, 0.5f], SourceSquare.Of(recipe, 400, 200, 1));
        PixelBuffer drawn = HeatMapPicture.Draw(map, Gray(400, 200), notice: false);
        Assert.Equal([100, 100, 100], Pixel(drawn, 98, 50));
        Assert.NotEqual([100, 100, 100], Pixel(drawn, 102, 50));
        Assert.NotEqual([100, 100, 100], Pixel(drawn, 297, 50));
        Assert.Equal([100, 100, 100], Pixel(drawn, 302, 50));
    }

    [Fact]
    public void EvenMap_LeavesThePictureAsItIs()
    {
        PixelBuffer drawn = HeatMapPicture.Draw(Map(300, 300, 1, 1, 1, 1), Gray(300, 300), notice: false);
        Assert.All(drawn.Samples<byte>().ToArray(), s => Assert.Equal(100, s));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void TurnedPicture_IsUpright_WhateverTheRecipeSaw(bool honours)
    {
        // Stored 400 x 300 and to be turned by 90 degrees: its upper left corner is at the upper right of the upright picture.
        byte[] samples = [.. Enumerable.Range(0, 400 * 300).Select(i => (byte)(i % 400 < 200 && i / 400 < 150 ? 200 : 0))];
        PixelBuffer picture = new(400, 300, 1, samples, orientation: 6);
        PreprocessRecipe recipe = new(ResizeMode.Squash, 64, Interpolation.Bilinear, [0, 0, 0], [1, 1, 1], honourOrientation: honours);
        // The warm patch is the one of the bright quarter, as the model saw it.
        float[] values = honours ? [0.1f, 1, 0.1f, 0.1f] : [1, 0.1f, 0.1f, 0.1f];
        PixelBuffer drawn = HeatMapPicture.Draw(new HeatMap("t", 1, "b", "b", values, SourceSquare.Of(recipe, 400, 300, 6)), picture, notice: false);
        Assert.Equal((300, 400), (drawn.Width, drawn.Height));
        byte[] warm = Pixel(drawn, 298, 2), cold = Pixel(drawn, 2, 398);
        Assert.Equal([231, 233, 178], warm); // 0.4 x 200 + 0.6 x (252, 255, 164)
        Assert.Equal([0, 0, 0], cold);
    }

    [Theory]
    [InlineData(300, 300)]
    [InlineData(1024, 700)]
    [InlineData(4000, 40)]
    [InlineData(10, 2000)]
    [InlineData(28, 28)]
    public void Notice_IsThereAtEverySize_WholeAndLegible(int width, int height)
    {
        HeatMap map = Map(width, height, 1, 1, 1, 1);
        PixelBuffer with = HeatMapPicture.Draw(map, Gray(width, height)), without = HeatMapPicture.Draw(map, Gray(width, height), notice: false);
        Assert.InRange(with.Width, without.Width, Math.Max(without.Width, 400));
        Assert.InRange(with.Height, without.Height, Math.Max(without.Height, 200));
        // Its letters, dot by dot, in lines: nothing else is white on black.
        int white = Count(with, 255), expected = Notice.Words.Sum(c => Enumerable.Range(0, NoticeFont.Width).Sum(x => Enumerable.Range(0, NoticeFont.Height).Count(y => NoticeFont.HasDot(c, x, y))));
        int dot = (int)Math.Round(Math.Sqrt(white / (double)expected));
        Assert.Equal(expected * dot * dot, white);
        Assert.InRange(dot, 2, 6);
        Assert.True(Count(with, 0) > white);
    }

    [Fact]
    public void PngFile_IsThePicture()
    {
        PixelBuffer drawn = HeatMapPicture.Draw(Map(300, 200), Gray(300, 200));
        byte[] file = PngEncoder.Write(drawn);
        PixelBuffer read = RasterDecoder.Decode(file);
        Assert.Equal(drawn.Samples<byte>().ToArray(), read.Samples<byte>().ToArray());
        Assert.Equal(file, PngEncoder.Write(drawn));
        Assert.Equal(3, read.Channels);
        PixelBuffer gray = RasterDecoder.Decode(PngEncoder.Write(Gray(7, 5)));
        Assert.Equal((7, 5, 1), (gray.Width, gray.Height, gray.Channels));
        Assert.Throws<ImageException>(() => PngEncoder.Write(PixelBuffer.FromUInt16(1, 1, 1, [1])));
    }

    [Fact]
    public void FileOfEitherKind_IsDrawnAsItIsPrepared()
    {
        short[] values = [.. Enumerable.Range(0, 400 * 200).Select(i => (short)(i % 400))];
        byte[] dicom = TestDicom.Gray(400, 200, values).File();
        InputDescription input = new(PreprocessRecipe.Half, DicomVoi.Range);
        PixelBuffer drawn = HeatMapPicture.Draw(Map(400, 200, 1, 1, 1, 1), dicom, input, notice: false);
        Assert.Equal([0, 0, 0], Pixel(drawn, 0, 10));
        Assert.Equal([255, 255, 255], Pixel(drawn, 399, 10));
        Assert.Throws<ImageException>(() => HeatMapPicture.Draw(Map(400, 200), dicom, new InputDescription(PreprocessRecipe.Half)));
        Assert.Throws<ArgumentException>(() => HeatMapPicture.Draw(Map(301, 200), dicom, input));
        PixelBuffer png = HeatMapPicture.Draw(Map(400, 200, 1, 1, 1, 1), PngEncoder.Write(Gray(400, 200)), input, notice: false);
        Assert.Equal([100, 100, 100], Pixel(png, 150, 100));
    }

    internal static HeatMap Map(int width, int height, params float[] values) =>
        new("lung", 3, "sha256:bb", "sha256:000000000000aa", values.Length > 0 ? values : [1, 0.5f, 0.25f, 0.1f], SourceSquare.Of(PreprocessRecipe.Half, width, height, 1));

    internal static PixelBuffer Gray(int width, int height)
    {
        byte[] samples = new byte[width * height];
        samples.AsSpan().Fill(100);
        return PixelBuffer.FromBytes(width, height, 1, samples);
    }

    private static byte[] Pixel(PixelBuffer picture, int x, int y) => picture.Samples<byte>().Slice(3 * ((y * picture.Width) + x), 3).ToArray();

    private static int Warmth(PixelBuffer picture, int x, int y) => Pixel(picture, x, y).Sum(v => v);

    private static int Count(PixelBuffer picture, byte level)
    {
        int count = 0;
        ReadOnlySpan<byte> samples = picture.Samples<byte>();
        for (int i = 0; i < samples.Length; i += 3) if (samples[i] == level && samples[i + 1] == level && samples[i + 2] == level) count++;
        return count;
    }
}
