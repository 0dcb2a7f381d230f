using MeLo.Edge.Adapters;

namespace MeLo.Edge.Tests.Adapters;

public sealed unsafe class HalfMergeTests
{
    private const float Factor = 1.7f;

    // in, out, rank (0: no pair), misalignment of W in floats and of the destination in halves: tails of every kind in rows, columns and ranks.
    public static TheoryData<int, int, int, int, int> Shapes => new()
    {
        { 1, 1, 1, 0, 0 }, { 1, 1, 0, 0, 0 }, { 3, 5, 2, 0, 0 }, { 4, 32, 4, 0, 0 }, { 5, 33, 3, 1, 1 }, { 7, 127, 0, 1, 3 }, { 64, 64, 8, 0, 4 }, { 65, 63, 7, 0, 0 },
        { 192, 192, 4, 0, 0 }, { 193, 200, 16, 0, 0 }, { 191, 48, 17, 4, 4 }, { 400, 96, 64, 0, 0 }, { 96, 400, 33, 0, 1 }, { 11, 1024, 300, 0, 0 }, { 1024, 11, 2, 0, 0 }, { 385, 97, 0, 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AnyShapeOnAnyPath_IsTheFp32MergeRoundedOnce_BitForBit(int inFeatures, int outFeatures, int rank, int fromOffset, int toOffset)
    {
        Random random = new((inFeatures * 31) + (outFeatures * 7) + rank);
        LoraPair? pair = rank == 0 ? null : RandomAdapters.Pair(random, new LinearId(0, VitLinear.Query), rank, inFeatures, outFeatures);
        using NativeFloats pristine = new(inFeatures * outFeatures, fromOffset);
        RandomAdapters.Values(random, pristine.Length).CopyTo(pristine.Span);
        float[] before = pristine.Span.ToArray(), merged = before;
        if (pair is not null) LoraMerge.Merge(before, merged = new float[before.Length], pair, Factor);
        Half[] expected = Array.ConvertAll(merged, v => (Half)v);

        foreach (MergePath path in MergePaths.Supported)
        {
            using NativeBytes halves = new(expected.Length * sizeof(Half), toOffset * sizeof(Half));
            HalfMerge.Run([Item(pristine, halves, inFeatures, outFeatures, pair)], 1, path);
            Assert.True(halves.GuardsHold, $"{path} wrote outside its destination");
            Assert.Equal(Bits(expected), Bits(Halves(halves)));
        }
        Assert.Equal(before, pristine.Span.ToArray());
    }

    [Fact]
    public void ManyMatrices_AreTheSameBitsOnAnyNumberOfThreads()
    {
        (int In, int Out, int Rank)[] shapes = [(768, 768, 4), (768, 768, 0), (300, 512, 16), (320, 1280, 3), (770, 514, 4), (64, 64, 4), (1, 64, 0)];
        Random random = new(7);
        NativeFloats[] pristine = [.. shapes.Select(s => new NativeFloats(s.In * s.Out, 0))];
        LoraPair?[] pairs = [.. shapes.Select((s, i) => s.Rank == 0 ? null : RandomAdapters.Pair(random, new LinearId(i, VitLinear.Value), s.Rank, s.In, s.Out))];
        foreach (NativeFloats w in pristine) RandomAdapters.Values(random, w.Length).CopyTo(w.Span);
        List<byte[]> reference = Merge(MergePath.Scalar, 1);
        foreach (MergePath path in MergePaths.Supported)
            foreach (int threads in path == MergePath.Scalar ? (int[])[2] : [1, 2, 3, 8])
                Assert.Equal(reference, Merge(path, threads));
        foreach (NativeFloats w in pristine) w.Dispose();

        List<byte[]> Merge(MergePath path, int threads)
        {
            NativeBytes[] halves = [.. shapes.Select(s => new NativeBytes(s.In * s.Out * sizeof(Half), 0))];
            HalfMerge.Run([.. shapes.Select((s, i) => Item(pristine[i], halves[i], s.In, s.Out, pairs[i]))], threads, path);
            Assert.All(halves, h => Assert.True(h.GuardsHold));
            List<byte[]> bytes = [.. halves.Select(h => h.Span.ToArray())];
            foreach (NativeBytes h in halves) h.Dispose();
            return bytes;
        }
    }

    [Fact]
    public void EveryKindOfNumber_RoundsAsTheLanguageRounds()
    {
        // Ties to even, the largest, what is beyond it, the smallest normal number, numbers below it, half of the smallest, signed zeros, infinities.
        float[] numbers =
        [
            1 + (1f / 2048), 1 + (3f / 2048), 2049, 2051, -2049, 65504, 65519.996f, 65520, -65520, 1e30f, 6.1035156e-5f, 6.1e-5f, 5.9604645e-8f, 2.9802322e-8f, 2.9802326e-8f, -1e-9f,
            0, -0f, float.PositiveInfinity, float.NegativeInfinity, 0.1f, 1f / 3, MathF.PI,
        ];
        using NativeFloats weights = new(numbers.Length, 0);
        numbers.CopyTo(weights.Span);
        LoraPair nothing = new(new LinearId(0, VitLinear.Key), 1, 1, numbers.Length, [0], new float[numbers.Length]);
        foreach (MergePath path in MergePaths.Supported)
        {
            using NativeBytes plain = new(numbers.Length * sizeof(Half), 0), merged = new(numbers.Length * sizeof(Half), 0);
            HalfMerge.Run([Item(weights, plain, 1, numbers.Length, null), Item(weights, merged, 1, numbers.Length, nothing)], 1, path);
            Assert.Equal(Bits(Array.ConvertAll(numbers, v => (Half)v)), Bits(Halves(plain)));
            Assert.Equal(Bits(Array.ConvertAll(numbers, v => (Half)(v + 0f))), Bits(Halves(merged)));
        }
        using NativeBytes one = new(sizeof(Half), 0);
        weights.Span[0] = float.NaN;
        HalfMerge.Run([Item(weights, one, 1, 1, null)], 1);
        Assert.True(Half.IsNaN(Halves(one)[0]));
    }

    [Fact]
    public void OverlapNullAndThreads_AreRefused()
    {
        using NativeFloats weights = new(64, 0);
        using NativeBytes halves = new(64 * sizeof(Half), 0);
        byte* last = (byte*)(weights.Pointer + 64) - 1;
        Assert.Contains("overlaps", Assert.Throws<ArgumentException>(() => HalfMerge.Run([new RoundedMergeItem(weights.Pointer, 8, 8, last)], 1)).Message, StringComparison.Ordinal);
        Assert.Contains("overlaps", Assert.Throws<ArgumentException>(() => HalfMerge.Run([new RoundedMergeItem(weights.Pointer, 8, 8, (byte*)weights.Pointer - 127)], 1)).Message, StringComparison.Ordinal);
        Assert.Contains("null", Assert.Throws<ArgumentException>(() => HalfMerge.Run([new RoundedMergeItem(null, 8, 8, halves.Pointer)], 1)).Message, StringComparison.Ordinal);
        Assert.Contains("[0,8]", Assert.Throws<ArgumentException>(() => HalfMerge.Run([new RoundedMergeItem(weights.Pointer, 0, 8, halves.Pointer)], 1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => HalfMerge.Run([new RoundedMergeItem(weights.Pointer, 8, 8, halves.Pointer)], 0));
        HalfMerge.Run([new RoundedMergeItem(weights.Pointer, 8, 8, halves.Pointer)], 1);
        HalfMerge.Run([], 1);
    }

    private static RoundedMergeItem Item(NativeFloats pristine, NativeBytes halves, int inFeatures, int outFeatures, LoraPair? pair) => pair is null
        ? new RoundedMergeItem(pristine.Pointer, inFeatures, outFeatures, halves.Pointer)
        : new RoundedMergeItem(pristine.Pointer, halves.Pointer, pair, Factor);

    private static Half[] Halves(NativeBytes bytes) => new ReadOnlySpan<Half>(bytes.Pointer, bytes.Length / sizeof(Half)).ToArray();

    private static ushort[] Bits(Half[] values) => Array.ConvertAll(values, BitConverter.HalfToUInt16Bits);
}
