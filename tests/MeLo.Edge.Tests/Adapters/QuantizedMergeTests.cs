using System.Runtime.InteropServices;
using MeLo.Edge.Adapters;

namespace MeLo.Edge.Tests.Adapters;

public sealed unsafe class QuantizedMergeTests
{
    // in, out, rank (0: no pair), misalignment of W in floats and of the destination in bytes: tails of every kind in rows, columns and
    // panels, panels that are narrowed for many rows, every rank to 16.
    public static TheoryData<int, int, int, int, int> Shapes
    {
        get
        {
            TheoryData<int, int, int, int, int> shapes = new()
            {
                { 1, 1, 1, 0, 0 }, { 1, 1, 0, 0, 0 }, { 3, 5, 2, 0, 0 }, { 4, 64, 4, 0, 0 }, { 5, 129, 3, 0, 0 }, { 7, 127, 0, 1, 3 }, { 64, 64, 8, 0, 4 },
                { 197, 300, 4, 5, 1 }, { 192, 192, 4, 0, 0 }, { 768, 192, 16, 0, 0 }, { 1, 257, 4, 0, 0 }, { 400, 1, 4, 0, 0 }, { 3072, 160, 4, 0, 0 },
                { 3073, 97, 0, 3, 32 }, { 5000, 33, 2, 0, 0 }, { 2, 640, 64, 0, 16 },
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
        (sbyte[] expected, float[] expectedScales) = Quantised(merged, outFeatures);

        foreach (MergePath path in MergePaths.Supported)
        {
            using NativeBytes quantised = new(merged.Length, toOffset);
            using NativeFloats scales = new(outFeatures, 1);
            QuantizedMerge.Run([matrix.Item(quantised, scales)], 1, path);
            Assert.True(quantised.GuardsHold && scales.GuardsHold, $"{path} wrote outside its destination");
            Assert.Equal(Bits(expectedScales), Bits(scales.Span));
            Assert.Equal(expected, quantised.Span.ToArray());
        }
        Assert.Equal(Bits(before), Bits(matrix.Pristine.Span));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void AnyShape_IsCloseToTheDefinitionInDoublePrecision(int inFeatures, int outFeatures, int rank, int fromOffset, int toOffset)
    {
        using Matrix matrix = new(inFeatures, outFeatures, rank, fromOffset);
        using NativeBytes quantised = new(inFeatures * outFeatures, toOffset);
        using NativeFloats scales = new(outFeatures, 0);
        QuantizedMerge.Run([matrix.Item(quantised, scales)], 1);

        double[] exact = matrix.Exact();
        // fp32 loses at most this much of a merged value, relative to the largest in its column, over the rank's sums and the scale's quotients.
        double relative = (rank + 6) * (rank + 2) / (double)(1 << 23);
        for (int o = 0; o < outFeatures; o++)
        {
            double largest = 0;
            for (int i = 0; i < inFeatures; i++) largest = Math.Max(largest, Math.Abs(exact[(i * outFeatures) + o]));
            double scale = largest == 0 ? 1 : largest / 127;
            // One row makes a value that cancels the column's largest: the error is then relative to what cancelled, at most 3 + rank here.
            double error = relative * Math.Max(largest, 3 + rank);
            Assert.InRange(Math.Abs(scales.Span[o] - scale), 0, largest == 0 ? 0 : error / 127);
            for (int i = 0; i < inFeatures; i++)
            {
                double q = exact[(i * outFeatures) + o] / scale;
                Assert.InRange(Math.Abs(quantised.Span[(i * outFeatures) + o] - q), 0, 0.5 + (2 * error / scale));
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
            NativeBytes[] quantised = [.. shapes.Select(s => new NativeBytes(s.In * s.Out, 0))];
            NativeFloats[] scales = [.. shapes.Select(s => new NativeFloats(s.Out, 0))];
            QuantizedMerge.Run([.. matrices.Select((m, i) => m.Item(quantised[i], scales[i]))], threads, path);
            List<byte[]> result = [.. quantised.Select(q => MemoryMarshal.AsBytes(q.Span).ToArray()), .. scales.Select(s => MemoryMarshal.AsBytes(s.Span).ToArray())];
            foreach (NativeBytes q in quantised) q.Dispose();
            foreach (NativeFloats s in scales) s.Dispose();
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
            (sbyte[] good, float[] goodScales) = Quantised(weights.Span.ToArray(), width);
            weights.Span[(8 * width) + bad] = value;
            foreach (MergePath path in MergePaths.Supported)
            {
                (sbyte[] q, float[] scales) = Plain(weights, 9, width, path);
                for (int o = 0; o < width; o++)
                {
                    if (o == bad) Assert.True(float.IsNaN(scales[o]));
                    else Assert.Equal(goodScales[o], scales[o]);
                    for (int i = 0; i < 9; i++) Assert.Equal(o == bad ? 0 : good[(i * width) + o], q[(i * width) + o]);
                }
            }
        }
    }

    [Fact]
    public void PairAndPlainWeights_AreQuantisedAlike()
    {
        LoraPair zero = new(new LinearId(0, VitLinear.Key), 1, 48, 80, new float[48], new float[80]);
        using NativeFloats weights = new(48 * 80, 0);
        RandomAdapters.Values(new Random(5), weights.Length).CopyTo(weights.Span);
        using NativeBytes quantised = new(weights.Length, 0);
        using NativeFloats scales = new(80, 0);
        QuantizedMerge.Run([new QuantizedMergeItem(weights.Pointer, quantised.Pointer, scales.Pointer, zero, 4)], 1);
        (sbyte[] plain, float[] plainScales) = Plain(weights, 48, 80, MergePaths.Best);
        Assert.Equal(plain, quantised.Span.ToArray());
        Assert.Equal(Bits(plainScales), Bits(scales.Span));
    }

    [Fact]
    public void OverlapNullWidthsAndThreads_AreRefused()
    {
        LoraPair pair = RandomAdapters.Pair(new Random(1), new LinearId(2, VitLinear.Key), 2, 8, 8);
        using NativeFloats memory = new(128, 0);
        memory.Span.Clear();
        float* w = memory.Pointer, scales = w + 64;
        sbyte* q = (sbyte*)(w + 72);
        Refused("layers.2.key", new QuantizedMergeItem(w, (sbyte*)(w + 64) - 1, w + 100, pair, 1));
        Refused("pristine", new QuantizedMergeItem(w, (sbyte*)w, scales, pair, 1));
        Refused("pristine", new QuantizedMergeItem(w, q, w + 63, pair, 1));
        Refused("its scales", new QuantizedMergeItem(w, q, w + 87, pair, 1));
        Refused("null", new QuantizedMergeItem(null, q, scales, pair, 1));
        Refused("null", new QuantizedMergeItem(w, null, scales, pair, 1));
        Refused("null", new QuantizedMergeItem(w, 8, 8, q, null));
        Refused("[0,8]", new QuantizedMergeItem(w, 0, 8, q, scales));
        Refused("[8,-1]", new QuantizedMergeItem(w, 8, -1, q, scales));
        QuantizedMergeItem good = new(w, q, scales, pair, 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => QuantizedMerge.Run([good], 0));
        QuantizedMerge.Run([good], 1);
        QuantizedMerge.Run([], 1);

        static void Refused(string what, QuantizedMergeItem item) =>
            Assert.Contains(what, Assert.Throws<ArgumentException>(() => QuantizedMerge.Run([item], 1)).Message, StringComparison.Ordinal);
    }

    // The definition, column by column.
    private static (sbyte[] Values, float[] Scales) Quantised(float[] merged, int outFeatures)
    {
        sbyte[] values = new sbyte[merged.Length];
        float[] scales = new float[outFeatures];
        for (int o = 0; o < outFeatures; o++)
        {
            float largest = 0;
            for (int at = o; at < merged.Length; at += outFeatures) largest = MathF.Max(largest, MathF.Abs(merged[at]));
            scales[o] = largest == 0 ? 1 : largest / 127;
            float inverse = largest == 0 ? 0 : 127 / largest;
            for (int at = o; at < merged.Length; at += outFeatures)
                values[at] = (sbyte)Math.Clamp(MathF.Round(merged[at] * inverse, MidpointRounding.ToEven), -127, 127);
        }
        return (values, scales);
    }

    // The same column so many times.
    private static (sbyte[] Values, float[] Scales) Columns(float[] column, int width, MergePath path)
    {
        using NativeFloats weights = new(column.Length * width, 0);
        for (int i = 0; i < weights.Length; i++) weights.Span[i] = column[i / width];
        return Plain(weights, column.Length, width, path);
    }

    private static (sbyte[] Values, float[] Scales) Plain(NativeFloats weights, int inFeatures, int outFeatures, MergePath path)
    {
        using NativeBytes quantised = new(weights.Length, 0);
        using NativeFloats scales = new(outFeatures, 0);
        QuantizedMerge.Run([new QuantizedMergeItem(weights.Pointer, inFeatures, outFeatures, quantised.Pointer, scales.Pointer)], 1, path);
        return (quantised.Span.ToArray(), scales.Span.ToArray());
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

        public QuantizedMergeItem Item(NativeBytes destination, NativeFloats scales) => _pair is null
            ? new QuantizedMergeItem(Pristine.Pointer, _inFeatures, _outFeatures, destination.Pointer, scales.Pointer)
            : new QuantizedMergeItem(Pristine.Pointer, destination.Pointer, scales.Pointer, _pair, Factor);

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
