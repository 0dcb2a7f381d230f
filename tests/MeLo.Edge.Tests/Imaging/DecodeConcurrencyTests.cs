using System.Diagnostics;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Tests.Imaging;

/// <summary>Not in parallel with others, whose memory would be measured too.</summary>
[Collection(nameof(DecodeConcurrencyTests))]
[CollectionDefinition(nameof(DecodeConcurrencyTests), DisableParallelization = true)]
public sealed class DecodeConcurrencyTests
{
    private static readonly byte[] s_broken = TestImages.Png(64, 64, 8, 2, TestImages.Bytes(64 * 64 * 3))[..5000];

    [Fact]
    public async Task EightThreads_EachGetTheirOwnPixels()
    {
        byte[][] files = [.. Enumerable.Range(1, 8).Select(seed => TestImages.Png(64, 48, 8, 2, TestImages.Bytes(64 * 48 * 3, seed)))];
        byte[][] others = [TestImages.Jpeg, TestImages.ProgressiveJpeg, TestImages.LosslessWebP, TestImages.Tiff(20, 12, 8, 3, 2, TestImages.Bytes(720))];
        byte[][] otherPixels = [.. others.Select(f => RasterDecoder.Decode(f).Samples<byte>().ToArray())];
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Factory.StartNew(() =>
        {
            byte[] expected = TestImages.Bytes(64 * 48 * 3, thread + 1);
            for (int i = 0; i < 150; i++)
            {
                Assert.True(expected.AsSpan().SequenceEqual(RasterDecoder.Decode(files[thread]).Samples<byte>()));
                int other = (thread + i) % others.Length;
                Assert.True(otherPixels[other].AsSpan().SequenceEqual(RasterDecoder.Decode(others[other]).Samples<byte>()));
                Assert.Throws<ImageException>(() => RasterDecoder.Decode(s_broken));
            }
        }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
    }

    [Fact]
    public async Task PicturesOfManySizes_InMemoryUsedAgain_ArePreparedAsInFreshMemory()
    {
        (byte[] File, int Samples, float[] Pixels)[] pictures =
        [
            .. Enumerable.Range(1, 12).Select(i => Fresh(TestImages.Png(20 + (9 * i), 140 - (7 * i), 8, 2, TestImages.Bytes((20 + (9 * i)) * (140 - (7 * i)) * 3, i)))),
            .. Enumerable.Range(1, 4).Select(i => Fresh(TestImages.Tiff(30 * i, 24, 16, 1, 1, TestImages.Bytes(30 * i * 24 * 2, i)))),
        ];
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Factory.StartNew(() =>
        {
            for (int i = 0; i < 400; i++)
            {
                (byte[] file, int samples, float[] pixels) = pictures[((i * 5) + thread) % pictures.Length];
                Assert.True(pixels.AsSpan().SequenceEqual(PreparedImage.From(file, new InputDescription(PreprocessRecipe.Half), DecodeLimits.Default).Pixels));
                PixelBuffer image = RasterDecoder.Decode(file); // a larger picture's memory does not show
                Assert.Equal(samples, image.Depth == SampleDepth.Bits8 ? image.Samples<byte>().Length : image.Samples<ushort>().Length);
            }
        }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

        static (byte[], int, float[]) Fresh(byte[] file)
        {
            PixelBuffer image = RasterDecoder.Decode(file);
            float[] pixels = new float[PreprocessRecipe.Half.TensorLength];
            Preprocessing.Apply(image, PreprocessRecipe.Half, pixels);
            return (file, image.Width * image.Height * image.Channels, pixels);
        }
    }

    [Fact]
    public void ThousandsOfDecodes_LeaveMemoryFlat()
    {
        byte[] png = TestImages.Png(192, 192, 8, 2, TestImages.Bytes(192 * 192 * 3));
        byte[] tiff = TestImages.Tiff(192, 192, 16, 1, 1, TestImages.Deflate(TestImages.Bytes(192 * 192 * 2)), compression: 8);
        byte[] truncated = png[..60_000];
        Round(300);
        long before = SettledBytes();
        Round(1500);
        // Losing only the file's pin, a region or the image at each decode would be hundreds of megabytes by now.
        Assert.InRange(SettledBytes() - before, long.MinValue, 48L << 20);

        void Round(int count)
        {
            for (int i = 0; i < count; i++)
            {
                RasterDecoder.Decode(png);
                RasterDecoder.Decode(tiff);
                RasterDecoder.Decode(TestImages.Jpeg);
                Assert.Throws<ImageException>(() => RasterDecoder.Decode(truncated));
            }
        }
    }

    private static long SettledBytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        using Process self = Process.GetCurrentProcess();
        return self.WorkingSet64;
    }
}
