namespace MeLo.Edge.Training.Tests;

public sealed class SplitMix64Tests
{
    // The reference implementation's first outputs (Vigna, splitmix64.c) for the seed 1234567.
    [Fact]
    public void Numbers_AreThoseOfTheReference()
    {
        SplitMix64 random = new(1234567);
        Assert.Equal([6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821], Enumerable.Range(0, 5).Select(_ => random.Next()).ToArray());
    }

    [Fact]
    public void Seeds_DependOnEveryPartAndOnTheirOrder()
    {
        ulong[] seeds = [SplitMix64.Seed(), SplitMix64.Seed(0), SplitMix64.Seed(0, 0), SplitMix64.Seed(1, 2), SplitMix64.Seed(2, 1), SplitMix64.Seed(1, 2, 0), SplitMix64.Seed(1, 1), SplitMix64.Seed(2, 2)];
        Assert.Equal(seeds.Length, seeds.Distinct().Count());
        Assert.Equal(100_000, Enumerable.Range(0, 100_000).Select(i => SplitMix64.Seed((ulong)(i / 300), (ulong)(i % 300))).Distinct().Count());
    }

    [Fact]
    public void Shuffle_GivesEveryOrderAboutEquallyOften()
    {
        Dictionary<string, int> orders = [];
        SplitMix64 random = new(1);
        for (int i = 0; i < 24_000; i++)
        {
            char[] letters = ['a', 'b', 'c', 'd'];
            random.Shuffle(letters.AsSpan());
            string order = new(letters);
            orders[order] = orders.GetValueOrDefault(order) + 1;
        }
        Assert.Equal(24, orders.Count);
        Assert.All(orders.Values, count => Assert.InRange(count, 850, 1150));
    }

    [Fact]
    public void Below_IsBelow()
    {
        SplitMix64 random = new(2);
        int[] counts = new int[7];
        for (int i = 0; i < 70_000; i++) counts[random.Below(7)]++;
        Assert.All(counts, count => Assert.InRange(count, 9_600, 10_400));
    }
}
