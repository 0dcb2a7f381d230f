using System.Security.Cryptography;
using MeLo.Edge.Phantoms;

namespace MeLo.Edge.Training.Tests.Phantoms;

public sealed class OrganPhantomTests
{
    [Fact]
    public void Drawing_HasTheSameBitsOnEveryMachine()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int i = 0; i < 6; i++)
        {
            Volume volume = OrganPhantom.Draw((ulong)i, i % 2, 28);
            Assert.Equal((28, 28 * 28 * 28), (volume.Size, volume.Voxels.Length));
            hash.AppendData(volume.Voxels);
        }
        Assert.Equal("2887cb01cfe12d494a9976f01cd6b1ea3a6e8de763365e941102c307cb6287f5", Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    [Fact]
    public void Mass_AddsVoxelsInOnePlace()
    {
        for (ulong seed = 0; seed < 100; seed++)
        {
            byte[] without = OrganPhantom.Draw(seed, 0, 28).Voxels, with = OrganPhantom.Draw(seed, 1, 28).Voxels;
            Assert.DoesNotContain(without.Zip(with, (a, b) => b - a), d => d < 0);
            double changed = without.Zip(with).Count(p => p.First != p.Second) / (double)without.Length;
            Assert.InRange(changed, 0.0005, 0.03);
        }
    }

    [Fact]
    public void LinearProbeOnVoxels_IsFarFromPerfect()
    {
        float[][] means = new float[1000][], coarse = new float[1000][];
        Parallel.For(0, means.Length, i =>
        {
            byte[] voxels = OrganPhantom.Draw((ulong)(5000 + i), i % 2, 28).Voxels;
            means[i] = [(float)voxels.Average(v => v)];
            coarse[i] = new float[7 * 7 * 7];
            for (int v = 0; v < voxels.Length; v++) coarse[i][(v / 3136 * 49) + (v / 28 % 28 / 4 * 7) + (v % 28 / 4)] += voxels[v];
        });
        int[] labels = [.. Enumerable.Range(0, means.Length).Select(i => i % 2)];
        Assert.InRange(LinearProbe.Accuracy(means, labels, 2), 0, 0.6);
        Assert.InRange(LinearProbe.Accuracy(coarse, labels, 2), 0, 0.85);
    }

    [Theory]
    [InlineData(-1, 8)]
    [InlineData(2, 8)]
    [InlineData(0, 0)]
    public void LabelOrSizeThatIsNone_IsRefused(int label, int size) => Assert.Throws<ArgumentOutOfRangeException>(() => OrganPhantom.Draw(1, label, size));
}
