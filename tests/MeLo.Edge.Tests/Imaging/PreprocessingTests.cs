using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

public sealed class PreprocessingTests
{
    private static readonly float[] s_zeros = [0, 0, 0], s_ones = [1, 1, 1];

    [Fact]
    public void Gray_GoesToAllChannelsEachNormalisedItsOwnWay()
    {
        PreprocessRecipe recipe = new(ResizeMode.Squash, 2, Interpolation.Bilinear, [0.1f, 0.2f, 0.3f], [0.5f, 1f, 2f]);
        float[] tensor = Apply(PixelBuffer.FromBytes(2, 2, 1, [0, 51, 102, 255]), recipe);
        float[] gray = [0f, 0.2f, 0.4f, 1f];
        for (int c = 0; c < 3; c++)
        {
            for (int i = 0; i < 4; i++) Assert.Equal((gray[i] - recipe.Mean[c]) / recipe.Std[c], tensor[(c * 4) + i], 1e-6f);
        }
    }

    [Fact]
    public void Rgb_BecomesPlanesInRedGreenBlueOrder()
    {
        PreprocessRecipe recipe = new(ResizeMode.Squash, 1, Interpolation.Bicubic, s_zeros, s_ones);
        Assert.Equal([1f, 0.4f, 0.2f], Apply(PixelBuffer.FromBytes(1, 1, 3, [255, 102, 51]), recipe), (a, b) => Math.Abs(a - b) < 1e-6f);
    }

    [Fact]
    public void Overshoot_IsCutAtBlackAndWhiteForColourAnd8BitsOnly()
    {
        PreprocessRecipe recipe = new(ResizeMode.Squash, 32, Interpolation.Bicubic, s_zeros, s_ones);
        byte[] edge = [0, 0, 255, 255];
        ushort[] deepEdge = [0, 0, ushort.MaxValue, ushort.MaxValue];
        float[] shallow = Apply(PixelBuffer.FromBytes(4, 1, 1, edge), recipe), deep = Apply(PixelBuffer.FromUInt16(4, 1, 1, deepEdge), recipe);
        float[] colour = Apply(PixelBuffer.FromUInt16(4, 1, 3, [.. deepEdge.SelectMany(v => (ushort[])[v, v, v])]), recipe);
        Assert.Equal((0f, 1f), (shallow.Min(), shallow.Max()));
        Assert.Equal((0f, 1f), (colour.Min(), colour.Max()));
        Assert.True(deep.Min() < -0.01f && deep.Max() > 1.01f);
    }

    [Fact]
    public void DepthBeyond8Bits_IsNotLost()
    {
        // One level of 8 bits between black and white of this ramp.
        ushort[] ramp = [.. Enumerable.Range(0, 64).Select(i => (ushort)(30_000 + (i * 4)))];
        PreprocessRecipe recipe = new(ResizeMode.Squash, 64, Interpolation.Bilinear, s_zeros, s_ones);
        float[] row = Apply(PixelBuffer.FromUInt16(64, 1, 1, ramp), recipe)[..64];
        for (int i = 0; i < 64; i++) Assert.Equal(ramp[i] / 65535.0, row[i], 1e-6);
    }

    [Theory]
    [InlineData(300, 411, 256, 224, 256, 350, 16, 63)]
    [InlineData(411, 300, 256, 224, 350, 256, 63, 16)]
    [InlineData(37, 50, 256, 224, 256, 345, 16, 60)] // (345 - 224) / 2 = 60.5, and Python rounds that to 60
    [InlineData(100, 100, 256, 224, 256, 256, 16, 16)]
    [InlineData(10, 13, 259, 224, 259, 336, 18, 56)] // 17.5 rounds to 18
    public void ShortestSide_HasTorchvisionsRounding(int width, int height, int side, int size, int outWidth, int outHeight, int left, int top)
    {
        PreprocessRecipe recipe = new(ResizeMode.ShortestSide, size, Interpolation.Bilinear, s_zeros, s_ones, side);
        Assert.Equal(new ResizeGeometry(outWidth, outHeight, left, top), ResizeGeometry.For(recipe, width, height));
    }

    [Fact]
    public void Orientation_IsHonouredOnlyWhenTheRecipeSaysSo()
    {
        PixelBuffer turned = RasterDecoder.Decode(TestImages.TurnedJpeg);
        PixelBuffer upright = Orientations.Apply(turned);
        Assert.Equal((TestImages.CodecHeight, TestImages.CodecWidth, 1), (upright.Width, upright.Height, upright.Orientation));
        PreprocessRecipe ignore = new(ResizeMode.Squash, 16, Interpolation.Bicubic, s_zeros, s_ones);
        PreprocessRecipe honour = new(ResizeMode.Squash, 16, Interpolation.Bicubic, s_zeros, s_ones, honourOrientation: true);
        Assert.Equal(Apply(upright, ignore), Apply(turned, honour));
        Assert.NotEqual(Apply(turned, ignore), Apply(turned, honour));
    }

    [Theory]
    [InlineData(65_535, 1)]
    [InlineData(1, 16_000)]
    [InlineData(1, 1)]
    [InlineData(3, 8_000)]
    public void ExtremeShapes_ArePreparedInBoundedMemory(int width, int height)
    {
        PixelBuffer image = PixelBuffer.FromBytes(width, height, 3, [.. Enumerable.Repeat((byte)128, width * height * 3)]);
        foreach (PreprocessRecipe recipe in PreprocessRecipe.Presets.Values)
        {
            float[] tensor = new float[recipe.TensorLength];
            long before = GC.GetAllocatedBytesForCurrentThread();
            Preprocessing.Apply(image, recipe, tensor);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64L << 20);
            for (int c = 0; c < 3; c++)
                Assert.Equal(((128 / 255f) - recipe.Mean[c]) / recipe.Std[c], tensor[c * recipe.Size * recipe.Size], 1e-4f);
        }
    }

    [Fact]
    public void SecondPicture_AllocatesNoRowsOrPlanes()
    {
        PixelBuffer image = PixelBuffer.FromBytes(600, 500, 3, TestImages.Bytes(600 * 500 * 3));
        float[] tensor = new float[PreprocessRecipe.Half.TensorLength];
        Preprocessing.Apply(image, PreprocessRecipe.Half, tensor);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Preprocessing.Apply(image, PreprocessRecipe.Half, tensor);
        // Only the filter weights: [224, 48] and [224, 12] floats.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 128 << 10);
    }

    [Fact]
    public void WrongDestination_IsRefused() => Assert.Throws<ArgumentException>(() =>
        Preprocessing.Apply(PixelBuffer.FromBytes(1, 1, 1, [0]), PreprocessRecipe.Half, new float[3]));

    private static float[] Apply(PixelBuffer image, PreprocessRecipe recipe)
    {
        float[] tensor = new float[recipe.TensorLength];
        Preprocessing.Apply(image, recipe, tensor);
        return tensor;
    }
}
