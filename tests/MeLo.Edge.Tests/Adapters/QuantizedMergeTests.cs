using MeLo.Edge.Adapters;
using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Kernels;

namespace MeLo.Edge.Tests.Adapters;

public sealed unsafe class QuantizedMergeTests
{
    // in, out, rank (0: no pair), misalignment of W in floats and of the destination in bytes: tails of every kind in rows, columns and
    // panels, quads and groups, panels that are narrowed for many rows, every rank to 16.
    public static TheoryData<int, int, int, int, int> Shapes
    {
        get
        {
            TheoryData<int, int, int, int, int> shapes = new()
            {
                { 1, 1, 1, 0, 0 }, { 1, 1, 0, 0, 0 }, { 3, 5, 2, 0, 0 }, { 4, 64, 4, 0, 0 }, { 5, 129, 3, 0, 0 }, { 7, 127, 0, 1, 3 }, { 64, 64, 8, 0, 4 },
                { 197, 300, 4, 5, 1 }, { 192, 192, 4, 0, 0 }, { 768, 192, 16, 0, 0 }, { 1, 257, 4, 0, 0 }, { 400, 1, 4, 0, 0 }, { 3072, 160, 4, 0, 0 },
                { 3073, 97, 0, 3, 32 }, { 5000, 33, 2, 0, 0 }, { 2, 640, 64, 0, 16 },
                { 255, 65, 2, 0, 0 }, { 256, 63, 0, 0, 0 }, { 257, 128, 4, 0, 0 }, { 513, 191, 1, 0, 2 }, { 1022, 66, 3, 2, 0 },
            };
            for (int rank = 1; rank <= 16; rank++) shapes.Add(60 + rank, 120 + (3 * rank), rank, rank % 3, rank % 5);
            return shapes;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AnyShapeOnAnyPath_IsTheFp32MergeQuantised_BitForBit(int inFeatures, int outFeatures, int rank, int fromOffset, int toOffset)
    {
        using Matrix matrix = new(inFeatures, outFeatures, rank, fromOffset);
        float[] before = matrix.Pristine.Span.ToArray();
        float[] merged = matrix.Merged();
        // The whole of it: weights, sums for every group, scales, zeros in the rows and columns that fill up.
        byte[] expected = Quantised(merged, inFeatures, outFeatures).Pack();

        foreach (MergePath path in MergePaths.Supported)
        {
            using NativeBytes quantised = new(new PackedMatrix(inFeatures, outFeatures).ByteLength, toOffset);
            QuantizedMerge.Run([matrix.Item(quantised)], 1, path);
            Assert.True(quantised.GuardsHold, $"{path} wrote outside its destination");
            Assert.True(quantised.Span.SequenceEqual(expected), $"{path} differs at byte {quantised.Span.CommonPrefixLength(expected)} of {expected.Length}");
        }
        Assert.Equal(Bits(before), Bits(matrix.Pristine.Span));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AnyShape_IsCloseToTheDefinitionInDoublePrecision(int inFeatures, int outFeatures, int rank, int fromOffset, int toOffset)
    {
        using Matrix matrix = new(inFeatures, outFeatures, rank, fromOffset);
        using NativeBytes packed = new(new PackedMatrix(inFeatures, outFeatures).ByteLength, toOffset);
        QuantizedMerge.Run([matrix.Item(packed)], 1);
        PackedValues quantised = PackedValues.Read(packed.Span, inFeatures, outFeatures);

        double[] exact = matrix.Exact();
        // fp32 loses at most this much of a merged value, relative to the largest in its column, over the rank's sums and the scale's quotients.
        double relative = (rank + 6) * (rank + 2) / (double)(1 << 23);
        for (int scaled = 0; scaled < quantised.Scales.Length; scaled++)
        {
            int o = scaled % outFeatures, first = scaled / outFeatures * 256, end = Math.Min(inFeatures, first + 256);
            double largest = 0;
            for (int i = first; i < end; i++) largest = Math.Max(largest, Math.Abs(exact[(i * outFeatures) + o]));
            double scale = largest == 0 ? 1 : largest / 127;
            // One row makes a value that cancels the largest: the error is then relative to what cancelled, at most 3 + rank here.
            double error = relative * Math.Max(largest, 3 + rank);
            Assert.InRange(Math.Abs(quantised.Scales[scaled] - scale), 0, largest == 0 ? 0 : error / 127);
            for (int i = first; i < end; i++)
            {
                double q = exact[(i * outFeatures) + o] / scale;
                Assert.InRange(Math.Abs(quantised.Values[(i * outFeatures) + o] - q), 0, 0.5 + (2 * error / scale));
            }
        }
    }

    [Fact]
    public void ManyMatrices_AreTheSameBitsOnAnyNumberOfThreads_WithStreamingStores()
    {
        (int In, int Out, int Rank)[] shapes = [(768, 768, 4), (768, 768, 0), (300, 512, 16), (320, 1280, 3), (770, 514, 4), (64, 64, 4), (1, 64, 4), (3072, 768, 2), (768, 1000, 0)];
        Matrix[] matrices = [.. shapes.Select(s => new Matrix(s.In, s.Out, s.Rank, 0))];
        List<byte[]> reference = Run(MergePath.Scalar, 1);

        foreach (MergePath path in MergePaths.Supported)
            foreach (int threads in path == MergePath.Scalar ? (int[])[2] : [1, 2, 3, 8])
                Assert.Equal(reference, Run(path, threads));

        foreach (Matrix matrix in matrices) matrix.Dispose();

        List<byte[]> Run(MergePath path, int threads)
        {
            NativeBytes[] quantised = [.. shapes.Select(s => new NativeBytes(new PackedMatrix(s.In, s.Out).ByteLength, 0))];
            QuantizedMerge.Run([.. matrices.Select((m, i) => m.Item(quantised[i]))], threads, path);
            List<byte[]> result = [.. quantised.Select(q => q.Span.ToArray())];
            Assert.All(quantised, q => Assert.True(q.GuardsHold));
            foreach (NativeBytes q in quantised) q.Dispose();
            return result;
        }
    }

    [Fact]
    public void Ties_RoundToEven()
    {
        // A column whose largest is 127 has scale 1: halves are ties.
        float[] column = [127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, -126.5f, 0.49999997f, -127, -0f, 3.5f];
        sbyte[] expected = [127, 0, 2, 2, 0, -2, -2, 126, -126, 0, -127, 0, 4];
        foreach (MergePath path in MergePaths.Supported)
        {
            (sbyte[] q, float[] scales) = Columns(column, 65, path);
            Assert.All(scales, s => Assert.Equal(1, s));
            for (int i = 0; i < column.Length; i++) Assert.All(q[(i * 65)..((i + 1) * 65)], v => Assert.Equal(expected[i], v));
        }
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(float.Epsilon)]
    [InlineData(1.4e-36f)]
    public void ColumnOfNothing_BecomesZerosWithScaleOne(float value)
    {
        foreach (MergePath path in MergePaths.Supported)
        {
            (sbyte[] q, float[] scales) = Columns([value, -value, 0], 67, path);
            Assert.All(scales, s => Assert.Equal(1, s));
            Assert.All(q, v => Assert.Equal(0, v));
        }
    }

    [Theory]
    [InlineData(1.5e-36f)]
    [InlineData(1e-20f)]
    [InlineData(float.MaxValue)]
    public void ColumnOfExtremeValues_KeepsItsLargest(float value)
    {
        foreach (MergePath path in MergePaths.Supported)
        {
            (sbyte[] q, float[] scales) = Columns([value, -value, 0, value / 127], 67, path);
            Assert.All(scales, s => Assert.Equal(value / 127, s));
            Assert.All(q[..67], v => Assert.Equal(127, v));
            Assert.All(q[67..134], v => Assert.Equal(-127, v));
            Assert.All(q[134..201], v => Assert.Equal(0, v));
            Assert.All(q[201..], v => Assert.Equal(1, v));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void ColumnWithAValueThatIsNotFinite_HasScaleNaN_AndDisturbsNoOther(float value)
    {
        const int width = 70;
        foreach (int bad in (int[])[0, 5, 63, 64, 69])
        {
            using NativeFloats weights = new(9 * width, 0);
            RandomAdapters.Values(new Random(4), weights.Length).CopyTo(weights.Span);
            PackedValues expected = Quantised(weights.Span.ToArray(), 9, width);
            weights.Span[(8 * width) + bad] = value;
            foreach (MergePath path in MergePaths.Supported)
            {
                using NativeBytes packed = new(new PackedMatrix(9, width).ByteLength, 0);
                QuantizedMerge.Run([new RoundedMergeItem(weights.Pointer, 9, width, packed.Pointer)], 1, path);
                Assert.True(float.IsNaN(PackedValues.Read(packed.Span, 9, width).Scales[bad]));
                // Its weights, and so their sum, are zeros; nothing else moves by a bit.
                expected.Scales[bad] = PackedValues.Read(packed.Span, 9, width).Scales[bad];
                for (int i = 0; i < 9; i++) expected.Values[(i * width) + bad] = 0;
                Assert.Equal(expected.Pack(), packed.Span.ToArray());
            }
        }
    }

    [Fact]
    public void PairAndPlainWeights_AreQuantisedAlike()
    {
        LoraPair zero = new(new LinearId(0, VitLinear.Key), 1, 48, 80, new float[48], new float[80]);
        using NativeFloats weights = new(48 * 80, 0);
        RandomAdapters.Values(new Random(5), weights.Length).CopyTo(weights.Span);
        using NativeBytes withPair = new(new PackedMatrix(48, 80).ByteLength, 0), plain = new(withPair.Length, 0);
        QuantizedMerge.Run([new RoundedMergeItem(weights.Pointer, withPair.Pointer, zero, 4), new RoundedMergeItem(weights.Pointer, 48, 80, plain.Pointer)], 1);
        Assert.Equal(plain.Span.ToArray(), withPair.Span.ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(255)]
    [InlineData(257)]
    [InlineData(514)]
    public void WhatLayInTheDestination_DoesNotShow(int inFeatures)
    {
        using NativeFloats weights = new(inFeatures * 65, 0);
        weights.Span.Fill(-1);
        foreach (MergePath path in MergePaths.Supported)
        {
            using NativeBytes packed = new(new PackedMatrix(inFeatures, 65).ByteLength, 0);
            packed.Span.Fill(0xFF); // -1, and as a float NaN
            QuantizedMerge.Run([new RoundedMergeItem(weights.Pointer, inFeatures, 65, packed.Pointer)], 1, path);
            Assert.Equal(Quantised(weights.Span.ToArray(), inFeatures, 65).Pack(), packed.Span.ToArray());
        }
    }

    [Fact]
    public void OverlapNullWidthsAndThreads_AreRefused()
    {
        LoraPair pair = RandomAdapters.Pair(new Random(1), new LinearId(2, VitLinear.Key), 2, 8, 8);
        PackedMatrix shape = new(8, 8);
        Assert.Equal(1024, shape.ByteLength); // 64 columns of two quads, one group of sums, scales
        using NativeFloats memory = new(64 + 256 + 64, 0);
        memory.Span.Clear();
        float* w = memory.Pointer + 256;
        byte* before = (byte*)memory.Pointer, after = (byte*)(w + 64);
        Refused("layers.2.key: the destination overlaps", new RoundedMergeItem(w, after - 1, pair, 1));
        Refused("pristine", new RoundedMergeItem(w, (byte*)w, pair, 1));
        Refused("pristine", new RoundedMergeItem(w, before + 1, pair, 1));
        Refused("plain weights: the destination overlaps", new RoundedMergeItem(w, 8, 8, before + 4));
        Refused("null", new RoundedMergeItem(null, before, pair, 1));
        Refused("null", new RoundedMergeItem(w, null, pair, 1));
        Refused("null", new RoundedMergeItem(w, 8, 8, null));
        Refused("[0,8]", new RoundedMergeItem(w, 0, 8, before));
        Refused("[8,-1]", new RoundedMergeItem(w, 8, -1, before));
        RoundedMergeItem good = new(w, before, pair, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => QuantizedMerge.Run([good], 0));
        QuantizedMerge.Run([good], 1);
        QuantizedMerge.Run([], 1);

        static void Refused(string what, RoundedMergeItem item) =>
            Assert.Contains(what, Assert.Throws<ArgumentException>(() => QuantizedMerge.Run([item], 1)).Message, StringComparison.Ordinal);
    }

    // The definition, group by group of each column.
    private static PackedValues Quantised(float[] merged, int inFeatures, int outFeatures)
    {
        PackedValues quantised = new(inFeatures, outFeatures);
        for (int scaled = 0; scaled < quantised.Scales.Length; scaled++)
        {
            int first = (scaled / outFeatures * 256 * outFeatures) + (scaled % outFeatures), end = Math.Min(merged.Length, first + (256 * outFeatures));
            float largest = 0;
            for (int at = first; at < end; at += outFeatures) largest = MathF.Max(largest, MathF.Abs(merged[at]));
            quantised.Scales[scaled] = largest == 0 ? 1 : largest / 127;
            float inverse = largest == 0 ? 0 : 127 / largest;
            for (int at = first; at < end; at += outFeatures)
                quantised.Values[at] = (sbyte)Math.Clamp(MathF.Round(merged[at] * inverse, MidpointRounding.ToEven), -127, 127);
        }
        return quantised;
    }

    // The same column so many times.
    private static (sbyte[] Values, float[] Scales) Columns(float[] column, int width, MergePath path)
    {
        using NativeFloats weights = new(column.Length * width, 0);
        for (int i = 0; i < weights.Length; i++) weights.Span[i] = column[i / width];
        using NativeBytes packed = new(new PackedMatrix(column.Length, width).ByteLength, 0);
        QuantizedMerge.Run([new RoundedMergeItem(weights.Pointer, column.Length, width, packed.Pointer)], 1, path);
        PackedValues quantised = PackedValues.Read(packed.Span, column.Length, width);
        return (quantised.Values, quantised.Scales);
    }

    private static int[] Bits(ReadOnlySpan<float> values)
    {
        int[] bits = new int[values.Length];
        for (int i = 0; i < bits.Length; i++) bits[i] = BitConverter.SingleToInt32Bits(values[i]);
        return bits;
    }

    /// <summary>Random weights, some columns all zeros, and the pair that changes them or none.</summary>
    private sealed class Matrix : IDisposable
    {
        private const float Factor = 1.7f;
        private readonly int _inFeatures;
        private readonly int _outFeatures;
        private readonly LoraPair? _pair;

        public Matrix(int inFeatures, int outFeatures, int rank, int misalignment)
        {
            (_inFeatures, _outFeatures) = (inFeatures, outFeatures);
            Random random = new((inFeatures * 31) + (outFeatures * 7) + rank);
            if (rank > 0) _pair = RandomAdapters.Pair(random, new LinearId(0, VitLinear.Query), rank, inFeatures, outFeatures);
            Pristine = new NativeFloats(inFeatures * outFeatures, misalignment);
            RandomAdapters.Values(random, Pristine.Length).CopyTo(Pristine.Span);
            for (int o = 3; o < outFeatures; o += 7)
            {
                for (int i = 0; i < inFeatures; i++) Pristine.Span[(i * outFeatures) + o] = 0;
                for (int k = 0; k < rank; k++) _pair!.B[(o * rank) + k] = 0;
            }
        }

        public NativeFloats Pristine { get; }

        public RoundedMergeItem Item(NativeBytes destination) => _pair is null
            ? new RoundedMergeItem(Pristine.Pointer, _inFeatures, _outFeatures, destination.Pointer)
            : new RoundedMergeItem(Pristine.Pointer, destination.Pointer, _pair, Factor);

        public float[] Merged()
        {
            float[] merged = Pristine.Span.ToArray();
            if (_pair is not null) LoraMerge.Merge(Pristine.Span, merged, _pair, Factor);
            return merged;
        }

        public double[] Exact()
        {
            double[] exact = Array.ConvertAll(Pristine.Span.ToArray(), w => (double)w);
            for (int k = 0; k < (_pair?.Rank ?? 0); k++)
                for (int i = 0; i < _inFeatures; i++)
                    for (int o = 0; o < _outFeatures; o++)
                        exact[(i * _outFeatures) + o] += (double)Factor * _pair!.A[(k * _inFeatures) + i] * _pair.B[(o * _pair.Rank) + k];
            return exact;
        }

        public void Dispose() => Pristine.Dispose();
    }
}
