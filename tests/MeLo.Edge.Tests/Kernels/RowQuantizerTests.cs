using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Kernels;

public sealed unsafe class RowQuantizerTests
{
    public static TheoryData<int> Features => [1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 127, 192, 255, 256, 257, 300, 512, 513, 768, 1023];

    [Theory]
    [MemberData(nameof(Features))]
    public void Row_IsItsDefinition_GroupByGroup(int features)
    {
        using QuantizedRows bytes = new(3, features);
        using NativeFloats values = new(3 * features, 1);
        Fill(values.Span, new Random(features), 3);
        for (int row = 2; row >= 0; row--) RowQuantizer.Row(values.Pointer + (row * features), bytes.Rows, row);
        bytes.AssertGuards();
        for (int row = 0; row < 3; row++)
        {
            for (int group = 0; group < bytes.Rows.Groups; group++)
            {
                Span<float> from = values.Span.Slice((row * features) + (group * 256), Math.Min(256, features - (group * 256)));
                float low = from[0], high = from[0];
                foreach (float v in from) (low, high) = (Math.Min(low, v), Math.Max(high, v));
                float inverse = from.Length == 1 ? 0 : 255 / (high - low);
                Assert.Equal((from.Length == 1 ? 0 : (high - low) / 255, low), (bytes.Scale(row, group), bytes.Low(row, group)));
                for (int i = 0; i < from.Length; i++) Assert.Equal((byte)MathF.Round((from[i] - low) * inverse, MidpointRounding.ToEven), bytes.Value(row, (group * 256) + i));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Features))]
    public void Row_IsWithinHalfAStepOfItself_AndUsesTheWholeRange(int features)
    {
        using QuantizedRows bytes = new(1, features);
        using NativeFloats values = new(features, 0);
        Fill(values.Span, new Random(features + 1), 100);
        RowQuantizer.Row(values.Pointer, bytes.Rows, 0);
        for (int i = 0; i < features; i++)
        {
            double scale = bytes.Scale(0, i / 256), back = bytes.Low(0, i / 256) + (scale * bytes.Value(0, i));
            Assert.InRange(Math.Abs(back - values.Span[i]), 0, (scale * 0.50002) + 1e-12);
        }
        int ofFirst = Math.Min(features, 256);
        if (ofFirst > 1) Assert.Equal((0, 255), (bytes.Bytes.Span[..ofFirst].ToArray().Min(), bytes.Bytes.Span[..ofFirst].ToArray().Max()));
    }

    [Fact]
    public void Ties_RoundToEven()
    {
        // A range of 255 has scale 1.
        float[] row = [0, 255, 0.5f, 1.5f, 2.5f, 253.5f, 254.5f, 0.49999997f, 127.5f, 128.5f, 1, 2, 3, 4, 5, 6, .. Enumerable.Repeat(2.5f, 48), 3.5f, 4.5f];
        byte[] expected = [0, 255, 0, 2, 2, 254, 254, 0, 128, 128, 1, 2, 3, 4, 5, 6, .. Enumerable.Repeat((byte)2, 48), 4, 4];
        (byte[] bytes, float scale, float low) = Group(row);
        Assert.Equal((1, 0), (scale, low));
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3.25f)]
    [InlineData(-1e30f)]
    [InlineData(float.MaxValue)]
    [InlineData(float.Epsilon)]
    public void ConstantRow_IsItsLow_Exactly(float value)
    {
        foreach (int count in (int[])[1, 15, 16, 64, 67, 256])
        {
            (byte[] bytes, float scale, float low) = Group([.. Enumerable.Repeat(value, count)]);
            Assert.Equal((0, value), (scale, low));
            Assert.All(bytes, b => Assert.Equal(0, b));
        }
    }

    [Theory]
    [InlineData(1e-31f)] // a range of less than 1e-30 is one value
    [InlineData(float.Epsilon)]
    public void TinyRange_IsOneValue(float range)
    {
        (byte[] bytes, float scale, float low) = Group([.. Enumerable.Range(0, 70).Select(i => i == 50 ? range : 0)]);
        Assert.Equal((0, 0), (scale, low));
        Assert.All(bytes, b => Assert.Equal(0, b));
    }

    [Theory]
    [InlineData(1e-29f)]
    [InlineData(1e-10f)]
    [InlineData(1e30f)]
    [InlineData(1.7e38f)]
    public void RangeOfAnyMagnitude_KeepsItsEnds(float end)
    {
        (byte[] bytes, float scale, float low) = Group([.. Enumerable.Range(0, 70).Select(i => i == 20 ? -end : i == 66 ? end : 0)]);
        Assert.Equal((2 * end / 255, -end), (scale, low));
        Assert.Equal((0, 255), (bytes[20], bytes[66]));
        Assert.InRange(bytes[0], 127, 128); // the middle lies between the two
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(3.4e38f)] // with -3.4e38: finite ends, a range that is not
    public void GroupThatCannotBeRepresented_HasRangesOfNaN_AndDisturbsNoOther(float value)
    {
        foreach (int bad in (int[])[0, 100, 255, 256, 300, 511, 512, 515])
        {
            using QuantizedRows bytes = new(2, 516), clean = new(2, 516);
            using NativeFloats values = new(2 * 516, 0);
            Fill(values.Span, new Random(bad), 1);
            for (int row = 0; row < 2; row++) RowQuantizer.Row(values.Pointer + (row * 516), clean.Rows, row);
            values.Span[bad] = value;
            if (float.IsFinite(value)) values.Span[bad == 0 ? 1 : bad - (bad % 256 == 0 ? -1 : 1)] = -value;
            for (int row = 0; row < 2; row++) RowQuantizer.Row(values.Pointer + (row * 516), bytes.Rows, row);
            for (int row = 0; row < 2; row++)
            {
                for (int group = 0; group < 3; group++)
                {
                    if (row == 0 && group == bad / 256)
                    {
                        Assert.True(float.IsNaN(bytes.Scale(row, group)) && float.IsNaN(bytes.Low(row, group)), $"{value} at {bad}");
                        continue;
                    }
                    Assert.Equal((clean.Scale(row, group), clean.Low(row, group)), (bytes.Scale(row, group), bytes.Low(row, group)));
                    for (int i = group * 256; i < Math.Min(516, (group + 1) * 256); i++) Assert.Equal(clean.Value(row, i), bytes.Value(row, i));
                }
            }
        }
    }

    [Fact]
    public void MassiveFeature_LeavesTheOtherGroupsAsTheyWere()
    {
        using QuantizedRows with = new(1, 768), without = new(1, 768);
        using NativeFloats values = new(768, 0);
        Fill(values.Span, new Random(1), 1);
        RowQuantizer.Row(values.Pointer, without.Rows, 0);
        values.Span[300] = 500;
        RowQuantizer.Row(values.Pointer, with.Rows, 0);
        Assert.True(with.Scale(0, 1) > 100 * without.Scale(0, 1));
        foreach (int group in (int[])[0, 2])
        {
            Assert.Equal((without.Scale(0, group), without.Low(0, group)), (with.Scale(0, group), with.Low(0, group)));
            Assert.Equal(without.Bytes.Span.Slice(group * 256, 256).ToArray(), with.Bytes.Span.Slice(group * 256, 256).ToArray());
        }
    }

    [Theory]
    [InlineData(0, 1, 1e-6f)]
    [InlineData(1000, 1, 1e-6f)]
    [InlineData(-3, 1e-3f, 1e-5f)]
    [InlineData(0, 1e6f, 1e-12f)]
    [InlineData(2, 0, 1e-6f)]
    public void LayerNormalization_IsCloseToDoublePrecision_AndQuantisedAsARow(float mean, float spread, float epsilon)
    {
        foreach (int features in Features.Select(f => f.Data))
        {
            Random random = new(features);
            using NativeFloats values = new(features, 1), gain = new(features, 0), bias = new(features, 2), scratch = new(features, 0);
            using QuantizedRows bytes = new(2, features), expected = new(2, features);
            Fill(values.Span, random, spread);
            foreach (ref float v in values.Span) v += mean;
            Fill(gain.Span, random, 2);
            Fill(bias.Span, random, 2);
            RowQuantizer.NormalizedRow(values.Pointer, gain.Pointer, bias.Pointer, epsilon, rotated: false, scratch.Pointer, bytes.Rows, 1);
            bytes.AssertGuards();
            Assert.True(scratch.GuardsHold);

            double average = values.Span.ToArray().Average(v => (double)v), variance = values.Span.ToArray().Average(v => (v - average) * (v - average));
            double deviation = Math.Sqrt(variance + epsilon);
            // The mean's and the differences' rounding, relative to the deviation, and the sums' own.
            double bound = 2 * ((Math.Abs(average) * 1e-6 / deviation) + 4e-6) * Math.Sqrt(features);
            for (int i = 0; i < features; i++)
            {
                double exact = ((values.Span[i] - average) / deviation * gain.Span[i]) + bias.Span[i];
                Assert.InRange(Math.Abs(scratch.Span[i] - exact), 0, bound);
            }
            RowQuantizer.Row(scratch.Pointer, expected.Rows, 1);
            for (int i = 0; i < features; i++) Assert.Equal(expected.Value(1, i), bytes.Value(1, i));
            for (int group = 0; group < bytes.Rows.Groups; group++) Assert.Equal((expected.Scale(1, group), expected.Low(1, group)), (bytes.Scale(1, group), bytes.Low(1, group)));
        }
    }

    [Fact]
    public void LayerNormalizationThatIsTurned_IsTheTurnedRow()
    {
        using NativeFloats values = new(300, 0), gain = new(300, 0), bias = new(300, 0), plain = new(300, 0), turned = new(300, 0);
        using QuantizedRows bytes = new(1, 300), expected = new(1, 300);
        Random random = new(6);
        foreach (NativeFloats floats in (NativeFloats[])[values, gain, bias]) Fill(floats.Span, random, 2);
        RowQuantizer.NormalizedRow(values.Pointer, gain.Pointer, bias.Pointer, 1e-6f, rotated: false, plain.Pointer, expected.Rows, 0);
        Rotation.Row(plain.Pointer, 300);
        RowQuantizer.Row(plain.Pointer, expected.Rows, 0);
        RowQuantizer.NormalizedRow(values.Pointer, gain.Pointer, bias.Pointer, 1e-6f, rotated: true, turned.Pointer, bytes.Rows, 0);
        for (int i = 0; i < 300; i++) Assert.Equal(expected.Value(0, i), bytes.Value(0, i));
        Assert.Equal(expected.Ranges.Span.ToArray(), bytes.Ranges.Span.ToArray());
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void LayerNormalizationOfWhatIsNotFinite_HasRangesOfNaNEverywhere(float value)
    {
        foreach (int bad in (int[])[0, 299, 20])
        {
            using NativeFloats values = new(300, 0), gain = new(300, 0), bias = new(300, 0), scratch = new(300, 0);
            using QuantizedRows bytes = new(1, 300);
            Fill(values.Span, new Random(2), 1);
            gain.Span.Fill(1);
            bias.Span.Clear();
            values.Span[bad] = value;
            RowQuantizer.NormalizedRow(values.Pointer, gain.Pointer, bias.Pointer, 1e-6f, rotated: false, scratch.Pointer, bytes.Rows, 0);
            Assert.All(bytes.Ranges.Span.ToArray(), r => Assert.True(float.IsNaN(r)));
        }
    }

    [Theory]
    [InlineData(1e20f)] // one square overflows
    [InlineData(3.4e38f)]
    public void LayerNormalizationOfAVarianceThatOverflows_HasRangesOfNaNEverywhere(float value)
    {
        foreach (int features in (int[])[2, 40, 300])
        {
            foreach (int large in (int[])[0, features - 1])
            {
                using NativeFloats values = new(features, 0), gain = new(features, 0), bias = new(features, 0), scratch = new(features, 0);
                using QuantizedRows bytes = new(1, features);
                Fill(values.Span, new Random(3), 1);
                gain.Span.Fill(1);
                bias.Span.Fill(0.5f);
                values.Span[large] = value;
                RowQuantizer.NormalizedRow(values.Pointer, gain.Pointer, bias.Pointer, 1e-6f, rotated: false, scratch.Pointer, bytes.Rows, 0);
                Assert.All(bytes.Ranges.Span.ToArray(), r => Assert.True(float.IsNaN(r)));
            }
        }
    }

    [Fact]
    public void LayerNormalizationOfALargeVariance_IsStillItsDefinition()
    {
        using NativeFloats values = new(2, 0), gain = new(2, 0), bias = new(2, 0), scratch = new(2, 0);
        using QuantizedRows bytes = new(1, 2);
        (values.Span[0], values.Span[1]) = (-1e19f, 1e19f); // squares of 1e38
        gain.Span.Fill(1);
        bias.Span.Fill(0.5f);
        RowQuantizer.NormalizedRow(values.Pointer, gain.Pointer, bias.Pointer, 1e-6f, rotated: false, scratch.Pointer, bytes.Rows, 0);
        Assert.Equal(-0.5f, scratch.Span[0], 1e-5f);
        Assert.Equal(1.5f, scratch.Span[1], 1e-5f);
    }

    private static void Fill(Span<float> values, Random random, float spread)
    {
        foreach (ref float v in values) v = ((2 * random.NextSingle()) - 1) * spread;
    }

    private static (byte[] Bytes, float Scale, float Low) Group(float[] row)
    {
        using QuantizedRows bytes = new(1, row.Length);
        fixed (float* values = row) RowQuantizer.Group(values, row.Length, bytes.Rows.Bytes, bytes.Rows.Scales, bytes.Rows.Lows);
        bytes.AssertGuards();
        return (bytes.Bytes.Span[..row.Length].ToArray(), bytes.Scale(0, 0), bytes.Low(0, 0));
    }

    /// <summary>Rows of bytes in memory with guards.</summary>
    private sealed class QuantizedRows : IDisposable
    {
        public QuantizedRows(int rows, int features)
        {
            Bytes = new NativeBytes(rows * ((features + 3) / 4 * 4), 0);
            Ranges = new NativeFloats(2 * rows * ((features + 255) / 256), 0);
            Rows = ByteRows.Of(Bytes.Pointer, Ranges.Pointer, rows, features);
        }

        public ByteRows Rows { get; }

        public NativeBytes Bytes { get; }

        public NativeFloats Ranges { get; }

        public byte Value(int row, int feature) => Bytes.Span[(row * Rows.RowBytes) + feature];

        public float Scale(int row, int group) => Ranges.Span[(group * Rows.Rows) + row];

        public float Low(int row, int group) => Ranges.Span[((Rows.Groups + group) * Rows.Rows) + row];

        public void AssertGuards() => Assert.True(Bytes.GuardsHold && Ranges.GuardsHold, "wrote outside the bytes or ranges");

        public void Dispose()
        {
            Bytes.Dispose();
            Ranges.Dispose();
        }
    }
}
