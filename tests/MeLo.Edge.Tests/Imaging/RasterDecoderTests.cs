using System.Buffers.Binary;
using System.Runtime.InteropServices;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

public sealed class RasterDecoderTests
{
    [Theory]
    [InlineData(8, 0, 1)]
    [InlineData(8, 2, 3)]
    [InlineData(16, 0, 1)]
    [InlineData(16, 2, 3)]
    public void PngOfGrayOrRgb_KeepsEverySampleAtItsDepth(int bits, int colourType, int channels)
    {
        const int width = 5, height = 4;
        byte[] rows = TestImages.Bytes(width * height * channels * bits / 8);
        PixelBuffer image = RasterDecoder.Decode(TestImages.Png(width, height, bits, colourType, rows));
        Assert.Equal((width, height, channels, ImageFormat.Png), (image.Width, image.Height, image.Channels, image.Format));
        if (bits == 8) Assert.Equal(rows, image.Samples<byte>().ToArray());
        else Assert.Equal(BigEndian(rows), image.Samples<ushort>().ToArray());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    public void RowThatThereIsNot_IsRefused_EvenWhereTheMemoryIsLonger(int row)
    {
        PixelBuffer image = RasterDecoder.Decode(TestImages.Png(2, 2, 8, 2, TestImages.Bytes(12)));
        Assert.Throws<ArgumentOutOfRangeException>(nameof(row), () => image.CopyRow(row, new float[6]));
    }

    [Fact]
    public void Alpha_IsDroppedNotBlended()
    {
        byte[] rgba = [10, 20, 30, 0, 40, 50, 60, 128];
        Assert.Equal([10, 20, 30, 40, 50, 60], RasterDecoder.Decode(TestImages.Png(2, 1, 8, 6, rgba)).Samples<byte>().ToArray());
        byte[] grayAlpha = [10, 0, 40, 128];
        Assert.Equal([10, 40], RasterDecoder.Decode(TestImages.Png(2, 1, 8, 4, grayAlpha)).Samples<byte>().ToArray());
    }

    [Fact]
    public void PalettePng_BecomesRgbWhateverItsTransparency()
    {
        byte[] palette = [1, 2, 3, 200, 100, 50];
        byte[] file = TestImages.Png(3, 1, 1, 3, [0b1010_0000], palette, transparency: [0, 255]);
        Assert.Equal([200, 100, 50, 1, 2, 3, 200, 100, 50], RasterDecoder.Decode(file).Samples<byte>().ToArray());
    }

    [Fact]
    public void BilevelPng_BecomesBlackAndWhite() =>
        Assert.Equal([255, 0, 255], RasterDecoder.Decode(TestImages.Png(3, 1, 1, 0, [0b1010_0000])).Samples<byte>().ToArray());

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public void Tiff16_KeepsItsDepth(int compression)
    {
        byte[] data = TestImages.Bytes(6 * 3 * 2);
        byte[] file = TestImages.Tiff(6, 3, 16, 1, photometric: 1, compression == 8 ? TestImages.Deflate(data) : data, compression);
        Assert.Equal(MemoryMarshal.Cast<byte, ushort>(data).ToArray(), RasterDecoder.Decode(file).Samples<ushort>().ToArray());
    }

    [Fact]
    public void TiffWhereZeroIsWhite_IsTurnedPositive() =>
        Assert.Equal([255, 155, 0], RasterDecoder.Decode(TestImages.Tiff(3, 1, 8, 1, photometric: 0, [0, 100, 255])).Samples<byte>().ToArray());

    [Fact]
    public void FloatTiff_KeepsItsValues()
    {
        float[] values = [0f, 0.25f, 1f, 1.5f, -0.5f, 1e-7f];
        PixelBuffer image = RasterDecoder.Decode(TestImages.Tiff(3, 2, 32, 1, 1, MemoryMarshal.AsBytes<float>(values).ToArray(), sampleFormat: 3));
        Assert.Equal(SampleDepth.Real32, image.Depth);
        Assert.Equal(values, image.Samples<float>().ToArray());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void FloatTiffWithoutFiniteValues_IsRefused(float value)
    {
        byte[] data = MemoryMarshal.AsBytes<float>([0f, value]).ToArray();
        Refused(TestImages.Tiff(2, 1, 32, 1, 1, data, sampleFormat: 3), "not finite");
    }

    [Fact]
    public void WholeNumbersOf32Bits_AreScaledToTheirWhite()
    {
        byte[] unsigned = MemoryMarshal.AsBytes<uint>([0, uint.MaxValue, uint.MaxValue / 2]).ToArray();
        Assert.Equal([0f, 1f, 0.5f], RasterDecoder.Decode(TestImages.Tiff(3, 1, 32, 1, 1, unsigned)).Samples<float>().ToArray());
        byte[] signed = MemoryMarshal.AsBytes<short>([short.MaxValue, 0, -short.MaxValue]).ToArray();
        Assert.Equal([1f, 0f, -1f], RasterDecoder.Decode(TestImages.Tiff(3, 1, 16, 1, 1, signed, sampleFormat: 2)).Samples<float>().ToArray());
    }

    [Fact]
    public void AssociatedAlpha_IsDividedOut()
    {
        byte[] data = [50, 100, 25, 128, 0, 0, 0, 0];
        byte[] rgb = RasterDecoder.Decode(TestImages.Tiff(2, 1, 8, 4, photometric: 2, data, extraSample: 1)).Samples<byte>().ToArray();
        Assert.Equal([0, 0, 0], rgb[3..]);
        foreach ((int expected, int found) in new[] { (50, rgb[0]), (100, rgb[1]), (25, rgb[2]) }.Select(p => (p.Item1 * 255 / 128, (int)p.Item2)))
            Assert.InRange(found, expected - 1, expected + 1);
    }

    [Fact]
    public void CmykTiff_BecomesRgbByPillowsFormula()
    {
        byte[] data = [0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 100, 50, 200, 60];
        Assert.Equal([255, 255, 255, 0, 255, 255, 0, 0, 0, 119, 157, 42],
            RasterDecoder.Decode(TestImages.Tiff(4, 1, 8, 4, photometric: 5, data)).Samples<byte>().ToArray());
    }

    [Theory]
    [InlineData(1, new byte[] { 1, 2, 3, 4, 5, 6 }, 3)]
    [InlineData(2, new byte[] { 3, 2, 1, 6, 5, 4 }, 3)]
    [InlineData(3, new byte[] { 6, 5, 4, 3, 2, 1 }, 3)]
    [InlineData(4, new byte[] { 4, 5, 6, 1, 2, 3 }, 3)]
    [InlineData(5, new byte[] { 1, 4, 2, 5, 3, 6 }, 2)]
    [InlineData(6, new byte[] { 4, 1, 5, 2, 6, 3 }, 2)]
    [InlineData(7, new byte[] { 6, 3, 5, 2, 4, 1 }, 2)]
    [InlineData(8, new byte[] { 3, 6, 2, 5, 1, 4 }, 2)]
    public void TiffOrientation_IsAlwaysApplied(int orientation, byte[] upright, int width)
    {
        PixelBuffer image = RasterDecoder.Decode(TestImages.Tiff(3, 2, 8, 1, 1, [1, 2, 3, 4, 5, 6], orientation: orientation));
        Assert.Equal((width, 6 / width, 1), (image.Width, image.Height, image.Orientation));
        Assert.Equal(upright, image.Samples<byte>().ToArray());
    }

    [Fact]
    public void JpegOrientation_IsReadAndNotApplied()
    {
        PixelBuffer image = RasterDecoder.Decode(TestImages.TurnedJpeg);
        Assert.Equal((TestImages.CodecWidth, TestImages.CodecHeight, 6), (image.Width, image.Height, image.Orientation));
        Assert.Equal(1, RasterDecoder.Decode(TestImages.Jpeg).Orientation);
    }

    [Fact]
    public void LosslessWebP_IsExact()
    {
        byte[] samples = RasterDecoder.Decode(TestImages.LosslessWebP).Samples<byte>().ToArray();
        for (int i = 0; i < samples.Length / 3; i++)
            Assert.Equal(TestImages.CodecPixel(i % TestImages.CodecWidth, i / TestImages.CodecWidth), (samples[3 * i], samples[(3 * i) + 1], samples[(3 * i) + 2]));
    }

    [Fact]
    public void LossyFiles_AreNearTheirSource()
    {
        foreach (byte[] file in (byte[][])[TestImages.Jpeg, TestImages.ProgressiveJpeg, TestImages.LossyWebP])
        {
            byte[] samples = RasterDecoder.Decode(file).Samples<byte>().ToArray();
            double mean = Enumerable.Range(0, samples.Length / 3).Average(i =>
            {
                (byte r, byte g, byte b) = TestImages.CodecPixel(i % TestImages.CodecWidth, i / TestImages.CodecWidth);
                return (Math.Abs(samples[3 * i] - r) + Math.Abs(samples[(3 * i) + 1] - g) + Math.Abs(samples[(3 * i) + 2] - b)) / 3.0;
            });
            Assert.InRange(mean, 0, 16);
        }
    }

    [Fact]
    public void CmykJpeg_IsInvertedAsPillowDoes()
    {
        // Pillow's own reading of its pixel (8, 8).
        byte[] samples = RasterDecoder.Decode(TestImages.CmykJpeg).Samples<byte>().ToArray();
        Assert.Equal([124, 120, 110], samples[(((8 * 16) + 8) * 3)..][..3]);
    }

    [Theory]
    [InlineData(new byte[0], "empty")]
    [InlineData(new byte[] { 1, 2, 3 }, "010203")]
    [InlineData(new byte[] { (byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'9', (byte)'a' }, "474946383961")]
    [InlineData(new byte[] { (byte)'<', (byte)'s', (byte)'v', (byte)'g', (byte)'>' }, "3c7376673e")]
    [InlineData(new byte[] { (byte)'%', (byte)'P', (byte)'D', (byte)'F' }, "25504446")]
    public void OtherFiles_AreRefusedByTheirFirstBytes(byte[] file, string shown) => Refused(file, shown, "expected a PNG, JPEG, TIFF, WebP or BMP file");

    [Theory]
    [InlineData("89504e470d0a1a0a")]
    [InlineData("ffd8ff")]
    [InlineData("ffd8ffe000104a46")]
    [InlineData("49492a00")]
    [InlineData("4d4d002a00000008")]
    [InlineData("49492b000800000010000000000000000000000000000000")]
    [InlineData("524946460000000057454250")]
    [InlineData("424d")]
    public void SignatureAlone_IsRefused(string hex) => Assert.Throws<ImageException>(() => RasterDecoder.Decode(Convert.FromHexString(hex)));

    [Fact]
    public void EveryKindThatLibvipsWouldGetWrong_IsRefused()
    {
        byte[] data = TestImages.Bytes(16 * 16 * 3);
        Refused(TestImages.Tiff(16, 16, 8, 3, photometric: 6, data, compression: 6), "old-style JPEG");
        Refused(TestImages.Tiff(16, 16, 8, 3, photometric: 6, data, subsampling: [1, 1]), "YCbCr");
        Refused(TestImages.Tiff(16, 16, 8, 3, photometric: 6, data, subsampling: [2, 2], tile: 16), "YCbCr");
        Refused(TestImages.Tiff(2, 1, 32, 1, photometric: 0, new byte[8], sampleFormat: 3), "0 is white");
        Refused(TestImages.Tiff(16, 16, 8, 3, photometric: 6, TestImages.Jpeg, compression: 7, tile: 32), "found a JPEG of 24 x 16 pixels in tile 0, expected 32 x 32");
    }

    [Fact]
    public void BrokenTile_IsRefusedNotBlack()
    {
        byte[] tile = TestImages.Deflate(TestImages.Bytes(16 * 16));
        Assert.Equal(TestImages.Bytes(16 * 16), RasterDecoder.Decode(TestImages.Tiff(16, 16, 8, 1, 1, tile, compression: 8, tile: 16)).Samples<byte>().ToArray());
        Refused(TestImages.Tiff(16, 16, 8, 1, 1, tile[..100], compression: 8, tile: 16));
        tile[50] ^= 0xFF;
        Refused(TestImages.Tiff(16, 16, 8, 1, 1, tile, compression: 8, tile: 16));
    }

    [Fact]
    public void PngWithAWrongChecksum_IsRefused()
    {
        byte[] file = TestImages.Png(8, 8, 8, 0, TestImages.Bytes(64));
        file[^20] ^= 1; // in the IDAT chunk, before the 12 bytes of IEND
        Refused(file);
    }

    [Fact]
    public void Refusal_SaysWhetherTheFileIsToBlame()
    {
        byte[] png = TestImages.Png(4, 4, 8, 0, TestImages.Bytes(16));
        Assert.Equal((ImageFault.UnknownFormat, true), Fault(() => RasterDecoder.Decode(new byte[3])));
        Assert.Equal((ImageFault.Broken, true), Fault(() => RasterDecoder.Decode(png.AsMemory(0, 40))));
        Assert.Equal((ImageFault.OverLimit, true), Fault(() => RasterDecoder.Decode(png, new DecodeLimits { MaxSide = 3 })));
        Assert.Equal((ImageFault.Pixels, false), Fault(() => PixelBuffer.FromBytes(2, 2, 1, [1, 2, 3])));
        Assert.Equal((ImageFault.Pixels, false), Fault(() => PixelBuffer.FromBytes(2, 2, 2, new byte[8])));
        Assert.Equal((ImageFault.Pixels, false), Fault(() => PixelBuffer.FromSingles(1, 1, 1, [float.NaN])));
        Assert.Equal((ImageFault.Pixels, false), Fault(() => _ = PixelBuffer.FromUInt16(1, 1, 1, [7]).Samples<byte>().Length));

        static (ImageFault, bool) Fault(Action action)
        {
            ImageException refused = Assert.Throws<ImageException>(() => { action(); });
            return (refused.Fault, refused.IsFileAtFault);
        }
    }

    [Fact]
    public void Library_TellsItsVersion() => Assert.Equal("8.18.7", RasterDecoder.LibraryVersion);

    private static void Refused(byte[] file, params string[] reasons)
    {
        string message = Assert.Throws<ImageException>(() => RasterDecoder.Decode(file)).Message;
        foreach (string reason in reasons) Assert.Contains(reason, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    private static ushort[] BigEndian(byte[] rows) =>
        [.. Enumerable.Range(0, rows.Length / 2).Select(i => BinaryPrimitives.ReadUInt16BigEndian(rows.AsSpan(i * 2)))];
}
