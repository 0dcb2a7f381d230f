using System.Runtime.Intrinsics;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

public sealed class ResamplerTests
{
    public static TheoryData<int, int, int, int, Interpolation> Sizes => new()
    {
        { 31, 23, 8, 5, Interpolation.Bicubic }, { 31, 23, 8, 5, Interpolation.Bilinear },
        { 7, 5, 40, 33, Interpolation.Bicubic }, { 7, 5, 40, 33, Interpolation.Bilinear },
        { 1, 1, 9, 9, Interpolation.Bicubic }, { 300, 1, 16, 16, Interpolation.Bilinear }, { 1, 300, 16, 16, Interpolation.Bicubic },
        { 64, 64, 64, 64, Interpolation.Bicubic }, { 64, 17, 64, 9, Interpolation.Bilinear }, { 97, 49, 13, 84, Interpolation.Bicubic },
    };

    /// <summary>Every output as its own double sum over the filter's definition, nothing shared with the product but the formula.</summary>
    [Theory]
    [MemberData(nameof(Sizes))]
    public void AnyResize_EqualsItsNaiveDoublePrecisionTwin(int width, int height, int outWidth, int outHeight, Interpolation interpolation)
    {
        foreach (int channels in (int[])[1, 3])
        {
            float[] samples = Random01(width * height * channels);
            PixelBuffer image = PixelBuffer.FromSingles(width, height, channels, samples);
            float[] resized = Resize(image, outWidth, outHeight, 0, 0, outWidth, outHeight, interpolation);
            int lanes = RowResampler.Lanes(channels);
            for (int y = 0; y < outHeight; y++)
            {
                for (int x = 0; x < outWidth; x++)
                {
                    for (int c = 0; c < channels; c++)
                        Assert.Equal(Naive(samples, width, height, channels, outWidth, outHeight, x, y, c, interpolation), resized[(((y * outWidth) + x) * lanes) + c], 2e-6);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void EveryVectorWidth_EqualsTheScalarTwin(int width, int height, int outWidth, int outHeight, Interpolation interpolation)
    {
        _ = (height, outHeight);
        foreach (int lanes in (int[])[1, 4])
        {
            ResampleAxis axis = new(width, outWidth, 0, outWidth, interpolation, lanes, RowResampler.Align);
            float[] row = [.. Random01(width * lanes), .. new float[axis.Stride]];
            float[] scalar = new float[outWidth * lanes], vector = new float[outWidth * lanes];
            RowResampler.ResampleScalar(row, axis, lanes, scalar);
            RowResampler.ResampleVector(row, axis, lanes, vector);
            for (int i = 0; i < scalar.Length; i++) Assert.Equal(scalar[i], vector[i], 1e-5f);

            ReadOnlySpan<float> weights = axis.Weights(outWidth / 2);
            ReadOnlySpan<float> samples = row.AsSpan(axis.Start(outWidth / 2) * lanes, weights.Length);
            float expected = Vector128.Sum(RowResampler.Dot128(samples, weights));
            Assert.Equal(expected, Vector128.Sum(RowResampler.Dot256(samples, weights)), 1e-5f);
            Assert.Equal(expected, Vector128.Sum(RowResampler.Dot512(samples, weights)), 1e-5f);
        }
    }

    [Fact]
    public void PartOfAResize_IsCutFromTheWhole()
    {
        PixelBuffer image = PixelBuffer.FromSingles(50, 40, 3, Random01(50 * 40 * 3));
        float[] whole = Resize(image, 30, 20, 0, 0, 30, 20, Interpolation.Bicubic);
        float[] part = Resize(image, 30, 20, 7, 3, 11, 9, Interpolation.Bicubic);
        for (int y = 0; y < 9; y++)
        {
            // The fourth lane means nothing.
            for (int x = 0; x < 11; x++) Assert.Equal(whole.AsSpan((((y + 3) * 30) + x + 7) * 4, 3), part.AsSpan(((y * 11) + x) * 4, 3));
        }
    }

    [Theory]
    [InlineData(Interpolation.Bilinear)]
    [InlineData(Interpolation.Bicubic)]
    public void WeightsOfEveryOutput_SumToOne(Interpolation interpolation)
    {
        foreach ((int from, int to) in ((int, int)[])[(1, 224), (2, 3), (224, 224), (2000, 224), (65_535, 224), (3, 2048)])
        {
            ResampleAxis axis = new(from, to, 0, to, interpolation);
            for (int i = 0; i < to; i++)
            {
                double sum = 0;
                foreach (float weight in axis.Weights(i)) sum += weight;
                Assert.Equal(1, sum, 1e-5);
                Assert.InRange(axis.Start(i) + axis.Length(i), 1, from);
            }
        }
    }

    [Fact]
    public void SameSize_ChangesNothing()
    {
        float[] samples = Random01(33 * 21);
        Assert.Equal(samples, Resize(PixelBuffer.FromSingles(33, 21, 1, samples), 33, 21, 0, 0, 33, 21, Interpolation.Bicubic));
    }

    private static float[] Resize(PixelBuffer image, int outWidth, int outHeight, int left, int top, int cutWidth, int cutHeight, Interpolation interpolation)
    {
        int lanes = RowResampler.Lanes(image.Channels);
        float[] destination = new float[cutWidth * cutHeight * lanes];
        Resampler.Resample(image, new ResampleAxis(image.Width, outWidth, left, cutWidth, interpolation, lanes, RowResampler.Align),
            new ResampleAxis(image.Height, outHeight, top, cutHeight, interpolation), clamp: false, destination);
        return destination;
    }

    private static double Naive(float[] samples, int width, int height, int channels, int outWidth, int outHeight, int x, int y, int c, Interpolation interpolation)
    {
        double sum = 0, horizontalSum = 0, verticalSum = 0;
        for (int u = 0; u < width; u++) horizontalSum += Weight(u, x, width, outWidth, interpolation);
        for (int v = 0; v < height; v++) verticalSum += Weight(v, y, height, outHeight, interpolation);
        for (int v = 0; v < height; v++)
        {
            double vertical = Weight(v, y, height, outHeight, interpolation) / verticalSum;
            if (vertical == 0) continue;
            for (int u = 0; u < width; u++)
                sum += vertical * Weight(u, x, width, outWidth, interpolation) / horizontalSum * samples[(((v * width) + u) * channels) + c];
        }
        return sum;
    }

    // The filter around the output's centre, in output pixels when shrinking and input pixels when enlarging.
    private static double Weight(int input, int output, int inSize, int outSize, Interpolation interpolation)
    {
        double scale = (double)inSize / outSize;
        double distance = Math.Abs(input + 0.5 - ((output + 0.5) * scale)) / Math.Max(1, scale);
        if (interpolation == Interpolation.Bilinear) return Math.Max(0, 1 - distance);
        const double a = -0.5;
        return distance < 1 ? ((a + 2) * Math.Pow(distance, 3)) - ((a + 3) * distance * distance) + 1
            : distance < 2 ? (a * Math.Pow(distance, 3)) - (5 * a * distance * distance) + (8 * a * distance) - (4 * a)
            : 0;
    }

    private static float[] Random01(int count)
    {
        Random random = new(7);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle())];
    }
}
