using System.Diagnostics;
using System.IO.Compression;
using MeLo.Edge.Imaging;
using MeLo.Edge.Volumes;
using MeLo.Edge.Tests;
using MeLo.Edge.Training.Data;

namespace MeLo.Edge.Training.Tests.Data;

public sealed class SampleReaderTests
{
    private static readonly PreprocessRecipe s_imageNet = new(ResizeMode.ShortestSide, 48, Interpolation.Bicubic, [0.485f, 0.456f, 0.406f], [0.229f, 0.224f, 0.225f], shortestSide: 56);

    [Fact]
    public void WholeLevels_ComeOutAsPreprocessingHasThem()
    {
        Dataset dataset = Noise(pictures: 4, side: 20, channels: 3);
        PreprocessRecipe recipe = new(ResizeMode.Squash, 20, Interpolation.Bilinear, [0.5f, 0.4f, 0.3f], [0.5f, 0.2f, 0.25f]);
        SampleReader reader = new(dataset, recipe, 0);
        for (int i = 0; i < 4; i++)
        {
            float[] expected = new float[recipe.TensorLength], pixels = new float[reader.Length];
            Preprocessing.Apply(dataset.Pictures.Read(i).Single(), recipe, expected);
            reader.Read(i, pixels);
            for (int p = 0; p < pixels.Length; p++) Assert.Equal(expected[p], pixels[p], 5e-7f);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void PreparedSamples_AreWithinA256thOfALevel(int channels)
    {
        Dataset dataset = Noise(pictures: 5, side: 91, channels);
        SampleReader reader = new(dataset, s_imageNet, 1 << 20);
        for (int i = 0; i < 5; i++)
        {
            float[] expected = new float[s_imageNet.TensorLength], pixels = new float[reader.Length];
            Preprocessing.Apply(dataset.Pictures.Read(i).Single(), s_imageNet, expected);
            reader.Read(i, pixels);
            for (int p = 0; p < pixels.Length; p++)
                Assert.Equal(expected[p], pixels[p], (1f / 255 / 256 / s_imageNet.Std[p / (48 * 48)]) + 1e-6f);
        }
    }

    [Fact]
    public void OvershootOfDeepGray_IsKept()
    {
        // One white pixel in black, enlarged with the bicubic filter: below black beside it.
        float[] samples = new float[64];
        samples[27] = 1;
        Dataset dataset = Of(1, new OnePicture(() => PixelBuffer.FromSingles(8, 8, 1, samples)));
        PreprocessRecipe recipe = new(ResizeMode.Squash, 32, Interpolation.Bicubic, [0, 0, 0], [1, 1, 1]);
        float[] expected = new float[recipe.TensorLength], pixels = new float[recipe.TensorLength];
        Preprocessing.Apply(dataset.Pictures.Read(0).Single(), recipe, expected);
        new SampleReader(dataset, recipe, 0).Read(0, pixels);
        Assert.InRange(expected.Min(), -0.2f, -0.05f);
        for (int p = 0; p < pixels.Length; p++) Assert.Equal(expected[p], pixels[p], 2e-5f);
    }

    [Fact]
    public void CachedOrNot_OneThreadOrSeveral_TheBitsAreTheSame()
    {
        Dataset dataset = Noise(pictures: 12, side: 60, channels: 3);
        int[] order = [11, 0, 5, 5, 3, 7, 1, 2, 10, 4, 6, 9, 8];
        ulong seed = SplitMix64.Seed(1, 2);
        float[] first = Read(new SampleReader(dataset, s_imageNet, 0), 1);
        SampleReader partly = new(dataset, s_imageNet, 5 * 6 * 48 * 48);
        Assert.Equal(first, Read(partly, 4));
        Assert.Equal(5 * 6 * 48 * 48, partly.CachedBytes);
        Assert.Equal(first, Read(partly, 1));
        SampleReader cached = new(dataset, s_imageNet, long.MaxValue);
        cached.Prepare(order, 4, cancellation: Token);
        Assert.Equal(12 * 6 * 48 * 48, cached.CachedBytes);
        Assert.Equal(first, Read(cached, 3));

        float[] Read(SampleReader reader, int threads)
        {
            float[] pixels = new float[order.Length * reader.Length];
            reader.Read(order, Augmentation.Default, seed, pixels, threads);
            return pixels;
        }
    }

    [Fact]
    public void GrayPicturesInFilesOfColour_TakeAThirdOfTheMemory()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder["gray", "1.bmp"], Bitmaps.Of(16, 16, (x, y) => ((byte)(x * y), (byte)(x * y), (byte)(x * y))));
        File.WriteAllBytes(folder["red", "1.bmp"], Bitmaps.Of(16, 16, (x, y) => ((byte)(x * y), 0, 0)));
        SampleReader reader = new(Dataset.Open(folder.Root, new DatasetOptions()), s_imageNet, long.MaxValue);
        float[] pixels = new float[reader.Length];
        reader.Read(0, pixels);
        Assert.Equal(2 * 48 * 48, reader.CachedBytes);
        reader.Read(1, pixels);
        Assert.Equal((2 + 6) * 48 * 48, reader.CachedBytes);
    }

    [Fact]
    public void PicturesThatCannotBeDecoded_AreNamedAllAtOnce()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder["a", "1.bmp"], Bitmaps.Of(4, 4, 1, 2, 3));
        File.WriteAllBytes(folder["b", "1.bmp"], Bitmaps.Of(4, 4, 1, 2, 3)[..60]);
        File.WriteAllBytes(folder["b", "2.png"], [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, 0, 0]);
        Dataset dataset = Dataset.Open(folder.Root, new DatasetOptions());
        SampleReader reader = new(dataset, s_imageNet, 0);

        DatasetException e = Assert.Throws<DatasetException>(() => reader.Prepare([2, 0, 1], threads: 2, cancellation: Token));
        Assert.Matches(@"2 faults\n  'b/2\.png': PNG image: .+\n  'b/1\.bmp': BMP image: .+$", e.Message);
        Assert.StartsWith($"{dataset.Source}: 'b/1.bmp': BMP image", Assert.Throws<DatasetException>(() => reader.Read(1, new float[reader.Length])).Message, StringComparison.Ordinal);
        File.Delete(folder["a", "1.bmp"]);
        Assert.Contains("'a/1.bmp': there is no such file", Assert.Throws<DatasetException>(() => reader.Read(0, new float[reader.Length])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Preparing_TellsProgress_AndCanBeCancelled()
    {
        Dataset dataset = Noise(pictures: 20, side: 8, channels: 1);
        SampleReader reader = new(dataset, s_imageNet, long.MaxValue);
        int most = 0;
        reader.Prepare([.. Enumerable.Range(0, 20)], 1, done => most = Math.Max(most, done), Token);
        Assert.Equal(20, most);

        using CancellationTokenSource cancellation = new();
        Assert.ThrowsAny<OperationCanceledException>(() => new SampleReader(dataset, s_imageNet, 0).Prepare([.. Enumerable.Range(0, 20)], 1, _ => cancellation.Cancel(), cancellation.Token));
    }

    [Fact]
    public void Volumes_AreReadSliceBySlice_AndVariedAlike()
    {
        using TemporaryFolder folder = new();
        byte[] plane = [.. Enumerable.Range(0, 144).Select(i => (byte)(i * 7))];
        Npz.Write(folder["d.npz"], CompressionLevel.Fastest,
            ("train_images", Npz.Array("|u1", [2, 5, 12, 12], [.. Enumerable.Repeat(plane, 10).SelectMany(p => p)])), ("train_labels", Npz.Array("|u1", [2, 1], [0, 1])));
        Dataset dataset = Dataset.Open(folder["d.npz"], new DatasetOptions());
        SampleReader reader = new(dataset, s_imageNet, long.MaxValue);
        Assert.Equal(5 * s_imageNet.TensorLength, reader.Length);

        float[] pixels = new float[reader.Length], picture = new float[s_imageNet.TensorLength];
        Preprocessing.Apply(PixelBuffer.FromBytes(12, 12, 1, plane), s_imageNet, picture);
        reader.Read(1, pixels);
        Assert.Equal(2 * 5 * 48 * 48, reader.CachedBytes);
        for (int i = 0; i < pixels.Length; i++) Assert.Equal(picture[i % picture.Length], pixels[i], 1e-4f);

        reader.Read(1, Augmentation.Default, 77, pixels);
        float[] first = pixels[..picture.Length];
        Assert.NotEqual(picture, first);
        for (int slice = 1; slice < 5; slice++) Assert.Equal(first, pixels[(slice * first.Length)..((slice + 1) * first.Length)]);
    }

    [Fact]
    public void AnotherLength_IsRefused()
    {
        SampleReader reader = new(Noise(1, 8, 1), s_imageNet, 0);
        Assert.Throws<ArgumentException>(() => reader.Read(0, new float[reader.Length - 1]));
        Assert.Throws<ArgumentException>(() => reader.Read([0, 0], Augmentation.None, 0, new float[reader.Length], 1));
    }

    [Fact]
    public void RealPictures_AreRead()
    {
        Dataset dataset = Dataset.Open(SharedData.Data("blood-cell", "labels.csv"), new DatasetOptions());
        SampleReader reader = new(dataset, new PreprocessRecipe(ResizeMode.Squash, 64, Interpolation.Bicubic, [0.5f, 0.5f, 0.5f], [0.5f, 0.5f, 0.5f]), long.MaxValue);
        reader.Prepare([.. Enumerable.Range(0, 40)], 2, cancellation: Token);
        float[] pixels = new float[40 * reader.Length];
        reader.Read([.. Enumerable.Range(0, 40)], Augmentation.Default, 1, pixels, 2);
        Assert.All(pixels, p => Assert.InRange(p, -1.001f, 1.001f));
        Assert.InRange(pixels.Average(), 0.1, 0.9); // blood smears are bright
    }

    [Fact]
    public void AVariedPictureAt224_TakesMilliseconds()
    {
        Dataset dataset = Noise(pictures: 2, side: 224, channels: 3);
        SampleReader reader = new(dataset, PreprocessRecipe.Half, long.MaxValue);
        float[] pixels = new float[reader.Length];
        TimeSpan best = TimeSpan.MaxValue;
        for (int round = 0; round < 60; round++)
        {
            long start = Stopwatch.GetTimestamp();
            reader.Read(round % 2, Augmentation.Default, (ulong)round, pixels);
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            if (took < best) best = took;
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{best.TotalMicroseconds:F0} us");
        // 1.5 ms on two quiet cores of 2 GHz.
        Assert.InRange(best.TotalMilliseconds, 0, 8);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Dataset Noise(int pictures, int side, int channels)
    {
        SplitMix64 random = new(42);
        byte[][] all = new byte[pictures][];
        for (int i = 0; i < pictures; i++)
        {
            all[i] = new byte[side * side * channels];
            for (int p = 0; p < all[i].Length; p++) all[i][p] = (byte)random.Below(256);
        }
        return Of(pictures, new ArrayPictures(all, [side, side, channels]));
    }

    private static Dataset Of(int count, IPictures pictures) =>
        Dataset.Of("test", ["a", "b"], false, [.. Enumerable.Range(0, count).Select(i => new Sample($"{i}", [1, 0], null, null))], pictures);

    private sealed class OnePicture(Func<PixelBuffer> picture) : IPictures
    {
        public string Kind => "pictures";

        public VolumeRecipe? Volume => null;

        public IEnumerable<PixelBuffer> Read(int sample) => [picture()];
    }
}
