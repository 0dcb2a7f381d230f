using MeLo.Edge.Adapters;

namespace MeLo.Edge.Tests.Adapters;

public sealed class LoraAdapterTests
{
    private readonly Random _random = new(11);

    [Fact]
    public void RankFourOnViTBase_CountsThePapersParameters()
    {
        LoraAdapter adapter = new(1, RandomAdapters.Pairs(_random, 4, 768, 12, VitLinear.Query, VitLinear.Value), RandomAdapters.Head(_random, 2, 768));
        Assert.Equal(147_456, adapter.LoraParameterCount);
        Assert.Equal(4 * (147_456 + (2 * 768) + 2), adapter.ByteLength);
        Assert.Equal((12, 4), (adapter.Depth, adapter.Rank));
        Assert.Equal([VitLinear.Query, VitLinear.Value], adapter.Targets);
    }

    [Fact]
    public void PairsInAnyOrder_ComeOutByLayerAndLinear_WithTheLargestRank()
    {
        LoraPair[] pairs = RandomAdapters.Pairs(_random, 2, 8, 3, VitLinear.Fc2, VitLinear.Query, VitLinear.Fc1);
        pairs[4] = RandomAdapters.Pair(_random, pairs[4].Target, 5, pairs[4].InFeatures, pairs[4].OutFeatures);
        LoraAdapter adapter = new(0.5f, [.. pairs.Reverse()], RandomAdapters.Head(_random, 3, 8));
        Assert.Equal(5, adapter.Rank);
        Assert.Equal(
            ["layers.0.query", "layers.0.fc1", "layers.0.fc2", "layers.1.query", "layers.1.fc1", "layers.1.fc2", "layers.2.query", "layers.2.fc1", "layers.2.fc2"],
            adapter.Pairs.Select(p => p.Target.ToString()));
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void ScaleThatIsZeroOrNotFinite_IsRefused(float scale)
    {
        AdapterException e = Assert.Throws<AdapterException>(() =>
            new LoraAdapter(scale, RandomAdapters.Pairs(_random, 2, 8, 1, VitLinear.Query), RandomAdapters.Head(_random, 2, 8)));
        Assert.Contains("scale", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingRepeatedOrGappyTargets_AreRefusedByName()
    {
        LoraPair[] whole = RandomAdapters.Pairs(_random, 2, 8, 3, VitLinear.Query, VitLinear.Value);
        Assert.Contains("layers.1.query: is missing", Refused([.. whole.Where((_, i) => i != 2)]), StringComparison.Ordinal);
        Assert.Contains("layers.0.query: is missing", Refused(whole[1..]), StringComparison.Ordinal);
        Assert.Contains("layers.2.value: is missing", Refused(whole[..^1]), StringComparison.Ordinal);
        Assert.Contains("layers.1.query: is missing", Refused([.. whole.Where(p => p.Target.Layer != 1)]), StringComparison.Ordinal);
        Assert.Contains("layers.2.value: appears twice", Refused([.. whole, whole[^1]]), StringComparison.Ordinal);
        Assert.Contains("no low-rank pair", Refused([]), StringComparison.Ordinal);
        Assert.Contains("is missing", Refused([.. whole, RandomAdapters.Pair(_random, new LinearId(int.MaxValue, VitLinear.Query), 2, 8, 8)]), StringComparison.Ordinal);
    }

    [Fact]
    public void WidthsThatDoNotBelongTogether_AreRefusedByName()
    {
        Assert.Contains("layers.0.query: found 8 inputs", Refused(RandomAdapters.Pairs(_random, 2, 8, 1, VitLinear.Query), 9), StringComparison.Ordinal);
        LoraPair[] mlp = RandomAdapters.Pairs(_random, 2, 8, 2, VitLinear.Fc1, VitLinear.Fc2);
        mlp[3] = RandomAdapters.Pair(_random, mlp[3].Target, 2, 24, 8);
        Assert.Contains("layers.1.fc2: found an MLP width of 24, expected 32", Refused(mlp), StringComparison.Ordinal);
        Assert.Contains("layers.0.output: found 4 outputs", Refused([RandomAdapters.Pair(_random, new LinearId(0, VitLinear.Output), 2, 8, 4)]), StringComparison.Ordinal);
    }

    [Fact]
    public void PairOfWrongLengthOrWithNonFiniteValues_IsRefusedByName()
    {
        LinearId id = new(4, VitLinear.Value);
        Assert.Contains("layers.4.value: found rank 0", Assert.Throws<AdapterException>(() => new LoraPair(id, 0, 4, 4, [], [])).Message, StringComparison.Ordinal);
        Assert.Contains("expected [2,4]", Assert.Throws<AdapterException>(() => new LoraPair(id, 2, 4, 4, new float[7], new float[8])).Message, StringComparison.Ordinal);
        Assert.Contains("expected [4,2]", Assert.Throws<AdapterException>(() => new LoraPair(id, 2, 4, 4, new float[8], new float[9])).Message, StringComparison.Ordinal);
        Assert.Contains("A holds", Assert.Throws<AdapterException>(() => new LoraPair(id, 1, 2, 2, [0, float.NaN], [0, 0])).Message, StringComparison.Ordinal);
        Assert.Contains("B holds", Assert.Throws<AdapterException>(() => new LoraPair(id, 1, 2, 2, [0, 0], [float.NegativeInfinity, 0])).Message, StringComparison.Ordinal);
        Assert.Contains("layer -1", Assert.Throws<AdapterException>(() => new LoraPair(new LinearId(-1, VitLinear.Query), 1, 1, 1, [0], [0])).Message, StringComparison.Ordinal);
        Assert.Contains("expected [65536,65536]", Assert.Throws<AdapterException>(() => new LoraPair(id, 65536, 65536, 1, [], [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void HeadOfWrongLengthOrWithNonFiniteValues_IsRefused()
    {
        Assert.Contains("expected [2,4]", Assert.Throws<AdapterException>(() => new TaskHead(2, 4, new float[7], new float[2])).Message, StringComparison.Ordinal);
        Assert.Contains("expected [2]", Assert.Throws<AdapterException>(() => new TaskHead(2, 4, new float[8], new float[3])).Message, StringComparison.Ordinal);
        Assert.Contains("bias holds", Assert.Throws<AdapterException>(() => new TaskHead(1, 1, [1], [float.NaN])).Message, StringComparison.Ordinal);
        Assert.Contains("weight holds", Assert.Throws<AdapterException>(() => new TaskHead(1, 1, [float.NaN], [1])).Message, StringComparison.Ordinal);
        Assert.Throws<AdapterException>(() => new TaskHead(0, 4, [], []));
    }

    private string Refused(LoraPair[] pairs, int dim = 8) =>
        Assert.Throws<AdapterException>(() => new LoraAdapter(1, pairs, RandomAdapters.Head(_random, 2, dim))).Message;
}
