using MeLo.Edge.Phantoms;

namespace MeLo.Edge.Training.Tests.Phantoms;

public sealed class PhantomSetTests
{
    [Fact]
    public void Set_HasEveryClassInEveryPartAlike()
    {
        IReadOnlyList<PhantomSample> samples = PhantomSet.Of(1, classes: 4, count: 400);
        foreach (IGrouping<int, PhantomSample> one in samples.GroupBy(s => s.Label))
        {
            Assert.Equal(100, one.Count());
            Assert.Equal((70, 15, 15), (one.Count(s => s.Part == PhantomPart.Train), one.Count(s => s.Part == PhantomPart.Validation), one.Count(s => s.Part == PhantomPart.Test)));
        }
    }

    [Fact]
    public void Seeds_AreNeverDrawnTwice()
    {
        ulong[] seeds = [.. PhantomSet.Of(1, 2, 5000).Concat(PhantomSet.Of(2, 2, 5000)).Select(s => s.Seed)];
        Assert.Equal(seeds.Length, seeds.Distinct().Count());
    }

    [Fact]
    public void LargerSet_BeginsWithTheSmaller() => Assert.Equal(PhantomSet.Of(3, 2, 50), PhantomSet.Of(3, 2, 500).Take(50));

    [Fact]
    public void Samples_AreDrawnInTheirOrder()
    {
        IReadOnlyList<PhantomSample> samples = PhantomSet.Of(9, 3, 700);
        Assert.Equal(samples.Select(s => (s, s.Seed)), PhantomSet.Draw(samples, s => s.Seed, TestContext.Current.CancellationToken));
    }
}
