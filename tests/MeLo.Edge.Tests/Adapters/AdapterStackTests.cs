using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Native;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Models;

namespace MeLo.Edge.Tests.Adapters;

public sealed unsafe class AdapterStackTests
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 8, PatchSize = 4, Dim = 6, Depth = 2, Heads = 2, MlpDim = 10 };

    private static readonly (LinearId Id, int In, int Out)[] s_linears =
        [.. from layer in Enumerable.Range(0, s_vit.Depth) from linear in VitLinears.All select (new LinearId(layer, linear), s_vit.LinearShape(linear).In, s_vit.LinearShape(linear).Out)];

    [Theory]
    [InlineData(ElementType.F32)]
    [InlineData(ElementType.F16)]
    public void EveryElement_IsTheAdaptersOwnOrZero(ElementType type)
    {
        LoraAdapter[] adapters = MixedTasks.Every(s_vit);
        AdapterStack stack = new(adapters, s_linears, type);
        Assert.Equal((4, 16, 14), (stack.Count, stack.Rank, stack.Classes)); // fc1 of the third has rank 13
        using HostBuffer memory = Packed(stack);
        foreach ((LinearId id, int input, int output) in s_linears)
        {
            Assert.Equal([4L, input, 16], stack.A(id).Shape);
            Assert.Equal([4L, 16, output], stack.B(id).Shape);
            float[] a = Read(stack.A(id), memory), b = Read(stack.B(id), memory);
            for (int task = 0; task < 4; task++)
            {
                LoraPair? pair = adapters[task].Pairs.SingleOrDefault(p => p.Target == id);
                for (int r = 0; r < 16; r++)
                {
                    bool own = pair is not null && r < pair.Rank;
                    for (int i = 0; i < input; i++)
                        Assert.Equal(own ? Rounded(pair!.A[(r * input) + i]) : 0, a[(((task * input) + i) * 16) + r]);
                    for (int o = 0; o < output; o++)
                        Assert.Equal(own ? Rounded(adapters[task].Scale * pair!.B[(o * pair.Rank) + r]) : 0, b[(((task * 16) + r) * output) + o]);
                }
            }
        }

        float Rounded(float value) => type == ElementType.F16 ? (float)(Half)value : value;
    }

    [Fact]
    public void Heads_AreFloats_TransposedAndFilledUpWithZeros()
    {
        LoraAdapter[] adapters = MixedTasks.Every(s_vit);
        AdapterStack stack = new(adapters, s_linears, ElementType.F16);
        using HostBuffer memory = Packed(stack);
        Assert.Equal([4L, 6, 14], stack.HeadWeight.Shape);
        Assert.Equal([4L, 14], stack.HeadBias.Shape);
        float[] weight = Read(stack.HeadWeight, memory), bias = Read(stack.HeadBias, memory);
        for (int task = 0; task < 4; task++)
        {
            TaskHead head = adapters[task].Head;
            for (int c = 0; c < 14; c++)
            {
                Assert.Equal(c < head.Classes ? head.Bias[c] : 0, bias[(task * 14) + c]);
                for (int d = 0; d < 6; d++) Assert.Equal(c < head.Classes ? head.Weight[(c * 6) + d] : 0, weight[(((task * 6) + d) * 14) + c]);
            }
        }
    }

    [Fact]
    public void Stacks_StartOnCacheLines_AndDoNotOverlap()
    {
        AdapterStack stack = new(MixedTasks.Every(s_vit), s_linears);
        StackedTensor[] tensors = [.. s_linears.SelectMany(l => new[] { stack.A(l.Id), stack.B(l.Id) }), stack.HeadWeight, stack.HeadBias];
        long end = 0;
        foreach (StackedTensor tensor in tensors.OrderBy(t => t.Offset))
        {
            Assert.Equal(0, tensor.Offset % 64);
            Assert.True(tensor.Offset >= end);
            end = tensor.Offset + tensor.ByteLength;
        }
        Assert.InRange(stack.ByteLength, end, end + 63);
    }

    [Fact]
    public void Rank_IsRoundedUpToAMultipleOfFour()
    {
        foreach ((int rank, int stacked) in ((int, int)[])[(1, 4), (4, 4), (5, 8)])
            Assert.Equal(stacked, new AdapterStack([MixedTasks.Adapter(s_vit, seed: 1, rank, classes: 2, scale: 1, VitLinear.Query)], s_linears).Rank);
    }

    [Fact]
    public void Logits_OfAnImage_AreThoseOfItsTasksClasses()
    {
        AdapterStack stack = new(MixedTasks.Every(s_vit), s_linears);
        float[] logits = [.. Enumerable.Range(0, 3 * 14).Select(i => (float)i)];
        Assert.Equal([0f, 1], stack.Logits(logits, image: 0, task: 0).ToArray());
        Assert.Equal([14f, 15, 16, 17, 18], stack.Logits(logits, image: 1, task: 1).ToArray());
        Assert.Equal([28f], stack.Logits(logits, image: 2, task: 2).ToArray());
    }

    [Fact]
    public void AdapterThatDoesNotFit_IsRefusedByItsLinear()
    {
        LoraAdapter adapter = MixedTasks.Adapter(s_vit, seed: 1, rank: 2, classes: 2, scale: 1, VitLinear.Fc1), wide = MixedTasks.Adapter(s_vit with { MlpDim = 12 }, seed: 1, rank: 2, classes: 2, scale: 1, VitLinear.Fc1);
        LoraAdapter deep = MixedTasks.Adapter(s_vit with { Dim = 8 }, seed: 1, rank: 2, classes: 2, scale: 1, VitLinear.Fc1);
        Assert.Equal("layers.0.fc1: found a pair, expected none: the base does not expose it to adapters",
            Assert.Throws<AdapterException>(() => new AdapterStack([adapter], s_linears.Where(l => l.Id.Linear == VitLinear.Query))).Message);
        Assert.Equal("layers.0.fc1: found 6 -> 12 features, expected 6 -> 10", Assert.Throws<AdapterException>(() => new AdapterStack([adapter, wide], s_linears)).Message);
        Assert.Equal("head: found 8 features, expected 6 as of the other tasks", Assert.Throws<AdapterException>(() => new AdapterStack([adapter, deep], s_linears)).Message);
        Assert.Throws<ArgumentException>(() => new AdapterStack([], s_linears));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AdapterStack([adapter], s_linears, ElementType.I32));
    }

    [Theory]
    [InlineData(ElementType.F32, 1e38f)]
    [InlineData(ElementType.F16, 1e6f)]
    public void ScaledB_ThatOverflowsTheElementType_IsRefusedByItsLinear(ElementType type, float scale)
    {
        LoraAdapter adapter = MixedTasks.Adapter(s_vit, seed: 1, rank: 2, classes: 2, scale, VitLinear.Value);
        LoraPair[] pairs = [.. adapter.Pairs.Select(p => new LoraPair(p.Target, p.Rank, p.InFeatures, p.OutFeatures, p.A, [.. p.B.Select(v => v * 100)]))];
        AdapterStack stack = new([new LoraAdapter(scale, pairs, adapter.Head)], s_linears, type);
        Assert.StartsWith("layers.0.value: ", Assert.Throws<AdapterException>(() => Packed(stack).Dispose()).Message, StringComparison.Ordinal);
    }

    private static HostBuffer Packed(AdapterStack stack)
    {
        HostBuffer memory = new(stack.ByteLength);
        new Span<byte>(memory.Pointer, (int)memory.ByteLength).Fill(0xFF);
        stack.Pack(memory.Pointer);
        return memory;
    }

    private static float[] Read(StackedTensor tensor, HostBuffer memory)
    {
        if (tensor.Type == ElementType.F32) return tensor.In<float>(memory.Pointer).ToArray();
        Half[] halves = tensor.In<Half>(memory.Pointer).ToArray();
        return [.. halves.Select(h => (float)h)];
    }
}
