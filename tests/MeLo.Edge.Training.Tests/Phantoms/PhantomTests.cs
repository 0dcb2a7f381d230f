using System.Runtime.InteropServices;
using System.Security.Cryptography;
using MeLo.Edge.Phantoms;

namespace MeLo.Edge.Training.Tests.Phantoms;

public sealed class PhantomTests
{
    public static TheoryData<string> Kinds => [.. All.Select(k => k.Name)];

    private static IEnumerable<Phantom> All => [.. Phantom.Tasks, Phantom.Pretraining];

    /// <summary>Every machine draws these bits: whoever changes a drawing changes them on purpose, and retrains what was trained on it.</summary>
    [Theory]
    [InlineData("tuberculosis", "09e1b0c47044f3039ffb7148d45d5916ae4290f6e3b98fda2f3f90441a7f95ae")]
    [InlineData("blood-cell", "7bd2a7f9a24589e44a35d729f79287b444bed77e200eaf508dd98081bb1cf009")]
    [InlineData("breast-mass", "793ce2d1581b4bed7d2976093763b2007bf03f7c0b59a7e2e74064e1febb5343")]
    [InlineData("pretraining", "d08eca80e03f997166e02913df8bb27fb6f3e3bc3ade8f1f5639cd370df7d456")]
    public void Drawing_HasTheSameBitsOnEveryMachine(string kind, string digest)
    {
        Phantom phantom = Named(kind);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int i = 0; i < 2 * phantom.Labels.Count; i++)
        {
            Picture picture = phantom.Draw((ulong)i, i % phantom.Labels.Count, 48, 40);
            Assert.Equal((48, 40, phantom.IsColour ? 3 : 1, 48 * 40 * picture.Channels), (picture.Width, picture.Height, picture.Channels, picture.Samples.Length));
            foreach (ushort sample in picture.Samples) hash.AppendData([(byte)sample, (byte)(sample >> 8)]);
        }
        Assert.Equal(digest, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OtherSeed_IsAnotherPicture(string kind)
    {
        Phantom phantom = Named(kind);
        for (int label = 0; label < phantom.Labels.Count; label++)
        {
            IEnumerable<string> digests = Enumerable.Range(0, 8).Select(seed => Digest(phantom.Draw((ulong)seed, label, 24, 24)));
            Assert.Equal(8, digests.Distinct().Count());
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OtherSize_IsTheSameDrawing(string kind)
    {
        Phantom phantom = Named(kind);
        for (int label = 0; label < phantom.Labels.Count; label++)
        {
            double correlation = Correlation(Gray(phantom.Draw(4, label, 32, 32), 16), Gray(phantom.Draw(4, label, 144, 96), 16));
            Assert.True(correlation > 0.9, $"{phantom.Labels[label]}: correlation {correlation:F3}");
        }
    }

    /// <summary>The cue is in one place, and is there at the size that small models take.</summary>
    [Theory]
    [InlineData("tuberculosis", 1)]
    [InlineData("breast-mass", 1)]
    [InlineData("breast-mass", 2)]
    public void Finding_ChangesASmallPartOfThePicture_AndAlwaysSome(string kind, int label)
    {
        Phantom phantom = Named(kind);
        for (ulong seed = 0; seed < 200; seed++)
        {
            Picture without = phantom.Draw(seed, 0, 64, 64), with = phantom.Draw(seed, label, 64, 64);
            int[] differences = [.. without.Samples.Zip(with.Samples, (a, b) => Math.Abs(a - b))];
            double changed = differences.Count(d => d > 0) / (double)differences.Length;
            Assert.True(changed is > 0.002 and < 0.12, $"seed {seed}: {changed:P1} of the pixels changed");
            Assert.True(differences.Max() > 0.05 * ushort.MaxValue, $"seed {seed}: the largest change is {differences.Max() / (double)ushort.MaxValue:P1}");
        }
    }

    /// <summary>Neither how bright a picture is, nor of which colour, nor a picture of few pixels under a linear classifier tells what it shows.</summary>
    [Theory]
    [InlineData("tuberculosis", 0.60, 0.76)]
    [InlineData("blood-cell", 0.42, 0.75)]
    [InlineData("breast-mass", 0.43, 0.50)]
    public void LinearProbeOnPixels_IsFarFromPerfect(string kind, double mostOfMeans, double mostOfPixels)
    {
        Phantom phantom = Named(kind);
        Picture[] pictures = new Picture[1500];
        Parallel.For(0, pictures.Length, i => pictures[i] = phantom.Draw((ulong)(5000 + i), i % phantom.Labels.Count, 64, 64));
        int[] labels = [.. pictures.Select((_, i) => i % phantom.Labels.Count)];
        Assert.InRange(LinearProbe.Accuracy([.. pictures.Select(p => Means(p, 1))], labels, phantom.Labels.Count), 0, mostOfMeans);
        Assert.InRange(LinearProbe.Accuracy([.. pictures.Select(p => Means(p, 16))], labels, phantom.Labels.Count), 0, mostOfPixels);
    }

    [Theory]
    [InlineData(-1, 8, 8)]
    [InlineData(2, 8, 8)]
    [InlineData(0, 0, 8)]
    [InlineData(0, 8, 0)]
    public void LabelOrSizeThatIsNone_IsRefused(int label, int width, int height) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Phantom.Chest.Draw(1, label, width, height));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void OnePixel_CanBeDrawn(string kind)
    {
        Phantom phantom = Named(kind);
        for (int label = 0; label < phantom.Labels.Count; label++) Assert.Single(phantom.Draw(1, label, 1, 1).Samples.Chunk(phantom.IsColour ? 3 : 1));
    }

    private static Phantom Named(string name) => All.Single(k => k.Name == name);

    private static string Digest(Picture picture) => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(picture.Samples.AsSpan())));

    private static float[] Gray(Picture picture, int side)
    {
        float[] means = Means(picture, side);
        return picture.Channels == 1 ? means : [.. means.Chunk(3).Select(c => c.Sum())];
    }

    // [side, side, channels]: the means of equal parts.
    private static float[] Means(Picture picture, int side)
    {
        float[] means = new float[side * side * picture.Channels];
        int wide = picture.Width / side, high = picture.Height / side;
        for (int y = 0; y < side * high; y++)
            for (int x = 0; x < side * wide; x++)
                for (int c = 0; c < picture.Channels; c++)
                    means[(((y / high * side) + (x / wide)) * picture.Channels) + c] += picture.Word(x, y, c) / (float)ushort.MaxValue / (wide * high);
        return means;
    }

    private static double Correlation(float[] a, float[] b)
    {
        double meanA = a.Average(), meanB = b.Average();
        double ab = a.Zip(b, (x, y) => (x - meanA) * (y - meanB)).Sum();
        return ab / Math.Sqrt(a.Sum(x => (x - meanA) * (x - meanA)) * b.Sum(y => (y - meanB) * (y - meanB)));
    }
}
