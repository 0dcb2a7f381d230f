using MeLo.Edge.Adapters;

namespace MeLo.Edge.Tests.Adapters;

public sealed unsafe class LoraMergeTests
{
    // in, out, rank, misalignment of W and of W' in floats: tails of every kind in rows, columns and ranks.
    public static TheoryData<int, int, int, int, int> Shapes => new()
    {
        { 1, 1, 1, 0, 0 }, { 3, 5, 2, 0, 0 }, { 4, 16, 4, 0, 0 }, { 4, 32, 4, 0, 0 }, { 5, 33, 3, 0, 0 }, { 7, 31, 1, 1, 3 }, { 64, 64, 4, 0, 0 },
        { 64, 64, 8, 0, 4 }, { 64, 64, 5, 8, 8 }, { 65, 63, 7, 0, 0 }, { 192, 192, 4, 0, 0 }, { 193, 200, 16, 0, 0 }, { 191, 48, 17, 4, 4 },
        { 400, 96, 64, 0, 0 }, { 96, 400, 33, 0, 1 }, { 384, 96, 4, 16, 16 }, { 11, 1024, 300, 0, 0 }, { 1024, 11, 2, 0, 0 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AnyShapeOnAnyPath_EqualsTheScalarTwinBitForBit_AndTheDoubleTwinClosely(int inFeatures, int outFeatures, int rank, int fromOffset, int toOffset)
    {
        Random random = new(inFeatures * 31 + outFeatures * 7 + rank);
        LoraPair pair = RandomAdapters.Pair(random, new LinearId(0, VitLinear.Query), rank, inFeatures, outFeatures);
        const float scale = 1.7f;
        using NativeFloats pristine = new(inFeatures * outFeatures, fromOffset);
        RandomAdapters.Values(random, pristine.Length).CopyTo(pristine.Span);
        float[] before = pristine.Span.ToArray();
        double[] exact = Naive(before, pair, scale, out double bound);
        float[] scalar = Merge(MergePath.Scalar, 1);
        for (int i = 0; i < scalar.Length; i++) Assert.InRange(Math.Abs(scalar[i] - exact[i]), 0, bound);

        foreach (MergePath path in MergePaths.Supported)
            Assert.Equal(Bits(scalar), Bits(Merge(path, 1)));
        Assert.Equal(Bits(before), Bits(pristine.Span));

        float[] Merge(MergePath path, int threads)
        {
            using NativeFloats merged = new(inFeatures * outFeatures, toOffset);
            LoraMerge.Run([new LoraMergeItem(pristine.Pointer, merged.Pointer, pair, scale)], threads, path);
            Assert.True(merged.GuardsHold, $"{path} wrote outside its destination");
            return merged.Span.ToArray();
        }
    }

    [Fact]
    public void ManyMatrices_AreTheSameBitsOnAnyNumberOfThreads_WithStreamingStores()
    {
        Random random = new(7);
        (int In, int Out, int Rank)[] shapes = [(768, 768, 4), (300, 512, 16), (320, 1280, 3), (770, 514, 4), (64, 64, 4), (1, 64, 4)];
        NativeFloats[] pristine = [.. shapes.Select(s => new NativeFloats(s.In * s.Out, 0))];
        LoraPair[] pairs = [.. shapes.Select((s, i) => RandomAdapters.Pair(random, new LinearId(i, VitLinear.Value), s.Rank, s.In, s.Out))];
        foreach (NativeFloats w in pristine) RandomAdapters.Values(random, w.Length).CopyTo(w.Span);
        List<int[]> reference = Merge(MergePath.Scalar, 1);

        foreach (MergePath path in MergePaths.Supported)
            foreach (int threads in path == MergePath.Scalar ? (int[])[2] : [1, 2, 3, 8])
                Assert.Equal(reference, Merge(path, threads));

        foreach (NativeFloats w in pristine) w.Dispose();

        List<int[]> Merge(MergePath path, int threads)
        {
            NativeFloats[] merged = [.. shapes.Select(s => new NativeFloats(s.In * s.Out, 0))];
            LoraMerge.Run([.. shapes.Select((_, i) => new LoraMergeItem(pristine[i].Pointer, merged[i].Pointer, pairs[i], 0.5f))], threads, path);
            List<int[]> bits = [.. merged.Select(m => Bits(m.Span))];
            foreach (NativeFloats m in merged) m.Dispose();
            return bits;
        }
    }

    [Fact]
    public void MergesFromManyCallersAtOnce_DoNotDisturbEachOther()
    {
        Random random = new(3);
        const int width = 256, matrices = 16;
        LoraPair pair = RandomAdapters.Pair(random, new LinearId(0, VitLinear.Query), 4, width, width);
        float[] pristine = RandomAdapters.Values(random, width * width);
        float[] expected = new float[pristine.Length];
        LoraMerge.Merge(pristine, expected, pair, 2);
        using NativeFloats from = new(pristine.Length, 0);
        pristine.CopyTo(from.Span);

        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            using NativeFloats to = new(pristine.Length * matrices, 0);
            for (int round = 0; round < 10; round++)
            {
                LoraMergeItem[] items = new LoraMergeItem[matrices];
                for (int i = 0; i < matrices; i++) items[i] = new LoraMergeItem(from.Pointer, to.Pointer + (i * pristine.Length), pair, 2);
                to.Span.Clear();
                LoraMerge.Run(items, 4);
                for (int i = 0; i < matrices; i++) Assert.True(to.Span.Slice(i * pristine.Length, pristine.Length).SequenceEqual(expected));
            }
        });
    }

    [Fact]
    public void ZeroPair_LeavesTheWeightsAsTheyAre()
    {
        Random random = new(5);
        float[] pristine = RandomAdapters.Values(random, 48 * 40);
        float[] merged = new float[pristine.Length];
        LoraPair zero = new(new LinearId(0, VitLinear.Key), 1, 48, 40, new float[48], new float[40]);
        LoraMerge.Merge(pristine, merged, zero, 4);
        Assert.Equal(Bits(pristine), Bits(merged));
    }

    [Fact]
    public void WrongLengthsOverlapNullAndThreads_AreRefused()
    {
        LoraPair pair = RandomAdapters.Pair(new Random(1), new LinearId(2, VitLinear.Key), 2, 8, 8);
        using NativeFloats memory = new(128, 0);
        LoraMergeItem overlap = new(memory.Pointer, memory.Pointer + 63, pair, 1);
        LoraMergeItem apart = new(memory.Pointer, memory.Pointer + 64, pair, 1);
        LoraMergeItem absent = new(null, memory.Pointer, pair, 1);
        Assert.Contains("layers.2.key", Assert.Throws<ArgumentException>(() => LoraMerge.Merge(new float[64], new float[63], pair, 1)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => LoraMerge.Run([overlap], 1));
        Assert.Throws<ArgumentException>(() => LoraMerge.Run([absent], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LoraMerge.Run([apart], 0));
        LoraMerge.Run([apart], 1);
        LoraMerge.Run([], 1);
    }

    // The definition in double precision, in another loop order; the bound is what fp32 may lose over the rank.
    private static double[] Naive(float[] w, LoraPair pair, float scale, out double bound)
    {
        double[] merged = Array.ConvertAll(w, x => (double)x);
        double largest = 0;
        for (int k = 0; k < pair.Rank; k++)
            for (int i = 0; i < pair.InFeatures; i++)
                for (int o = 0; o < pair.OutFeatures; o++)
                {
                    double product = (double)scale * pair.A[(k * pair.InFeatures) + i] * pair.B[(o * pair.Rank) + k];
                    merged[(i * pair.OutFeatures) + o] += product;
                    largest = Math.Max(largest, Math.Abs(product));
                }
        const double half = 1.0 / (1 << 24);
        bound = half * ((largest * pair.Rank * (pair.Rank + 2)) + 1 + (largest * pair.Rank));
        return merged;
    }

    private static int[] Bits(ReadOnlySpan<float> values)
    {
        int[] bits = new int[values.Length];
        for (int i = 0; i < bits.Length; i++) bits[i] = BitConverter.SingleToInt32Bits(values[i]);
        return bits;
    }
}
