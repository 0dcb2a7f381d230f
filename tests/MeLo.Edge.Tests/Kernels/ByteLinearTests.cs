using System.Runtime.InteropServices;
using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;
using MeLo.Edge.Tests.Models;

namespace MeLo.Edge.Tests.Kernels;

public sealed unsafe class ByteLinearTests
{
    private static readonly int[] s_outs = [1, 16, 63, 64, 65, 130, 256, 300], s_rows = [1, 5, 6, 7, 197];

    public static TheoryData<int> Features => [1, 3, 24, 64, 192, 255, 256, 257, 768];

    [Theory]
    [MemberData(nameof(Features))]
    public void Floats_AreCloseToTheDoubleTwin_WithAndWithoutBiasAndResidual(int features)
    {
        foreach (int outs in s_outs)
        {
            foreach (int rows in s_rows)
            {
                using LinearCase linear = new(rows, features, outs);
                (double[] product, double[] magnitude) = linear.Exact();
                foreach ((bool bias, bool residual) in ((bool, bool)[])[(true, true), (true, false), (false, true), (false, false)])
                {
                    float[] found = linear.Floats(bias, residual);
                    for (int i = 0; i < found.Length; i++)
                    {
                        double b = bias ? linear.Bias.Span[i % outs] : 0, r = residual ? linear.Residual.Span[i] : 0;
                        // Two roundings a group, of sums no larger than the magnitude, and three at the end.
                        double bound = (magnitude[i] + Math.Abs(b) + Math.Abs(r)) * ((2 * linear.X.Groups) + 4) / (1 << 24);
                        double difference = Math.Abs(found[i] - (product[i] + b + r));
                        if (!(difference <= bound)) Assert.Fail($"[{rows},{features}]·[{features},{outs}], bias {bias}, residual {residual}: element {i} differs by {difference}, expected at most {bound}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Features))]
    public void EveryPath_GivesTheSameBits(int features)
    {
        foreach (int outs in s_outs)
        {
            foreach (int rows in (int[])[1, 5, 6, 7])
            {
                using LinearCase linear = new(rows, features, outs);
                float[] expected = linear.Floats(bias: true, residual: true, path: ByteTilePath.Scalar);
                byte[] expectedBytes = linear.Gelu(bias: true, path: ByteTilePath.Scalar);
                foreach (ByteTilePath path in ByteTilePaths.Supported)
                {
                    AssertSame(expected, linear.Floats(bias: true, residual: true, path: path), $"{path} [{rows},{features},{outs}]");
                    Assert.True(expectedBytes.AsSpan().SequenceEqual(linear.Gelu(bias: true, path: path)), $"{path} [{rows},{features},{outs}]");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Features))]
    public void GeluBytes_AreTheFloatsThroughGelu_Quantised_AndCloseToTheErrorFunction(int features)
    {
        foreach (int outs in s_outs)
        {
            foreach (int rows in s_rows)
            {
                using LinearCase linear = new(rows, features, outs);
                foreach ((bool bias, bool rotated) in ((bool, bool)[])[(true, false), (false, false), (true, true)])
                {
                    byte[] found = linear.Gelu(bias, rotated);
                    float[] values = linear.Floats(bias, residual: false), exact = [.. values.Select(v => (float)(v / 2.0 * (1 + ErrorFunction.Erf(v / Math.Sqrt(2)))))];
                    using NativeFloats row = new(outs, 0);
                    using NativeBytes expected = new(LinearCase.GeluLength(rows, outs), 0);
                    expected.Span.Clear();
                    ByteRows to = LinearCase.GeluRows(expected.Pointer, rows, outs);
                    for (int i = 0; i < rows; i++)
                    {
                        values.AsSpan(i * outs, outs).CopyTo(row.Span);
                        Gelu.Run(row.Pointer, row.Pointer, outs);
                        if (rotated) Rotation.Row(row.Pointer, outs);
                        RowQuantizer.Row(row.Pointer, to, i);
                        for (int o = 0; o < outs && !rotated; o++)
                        {
                            float scale = to.Scales[(o / 256 * rows) + i], low = to.Lows[(o / 256 * rows) + i];
                            double back = low + ((double)scale * to.Bytes[(i * to.RowBytes) + o]);
                            Assert.InRange(Math.Abs(back - exact[(i * outs) + o]), 0, (scale * 0.501) + (2e-6 * Math.Max(1, Math.Abs(values[(i * outs) + o]))));
                        }
                    }
                    Assert.True(expected.Span.SequenceEqual(found), $"[{rows},{features}]·[{features},{outs}], bias {bias}, rotated {rotated}");
                }
            }
        }
    }

    [Fact]
    public void TasksInAnyOrder_OnAnyThreads_CutForAnyNumberOfThem_GiveTheSameBits()
    {
        using LinearCase linear = new(197, 257, 300);
        float[] expected = linear.Floats(bias: true, residual: true);
        byte[] expectedBytes = linear.Gelu(bias: true);
        Action<int, Action<int>>[] orders =
        [
            (count, run) => { for (int i = count - 1; i >= 0; i--) run(i); },
            (count, run) => { foreach (int i in Enumerable.Range(0, count).OrderBy(i => i * 7919 % 101)) run(i); },
            (count, run) => Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = 4 }, run),
        ];
        foreach (int threads in (int[])[1, 2, 3, 8, 64, 1000])
        {
            foreach (Action<int, Action<int>> order in orders)
            {
                AssertSame(expected, linear.Floats(bias: true, residual: true, threads: threads, order: order), $"{threads} threads");
                Assert.True(expectedBytes.AsSpan().SequenceEqual(linear.Gelu(bias: true, threads: threads, order: order)), $"{threads} threads");
            }
        }
        Assert.True(linear.Tasks(threads: 64) > linear.Tasks(threads: 1), "the rows are not divided");
    }

    [Theory]
    [InlineData(65)]
    [InlineData(256)]
    public void Result_MayBeTheResidualItself(int outs)
    {
        using LinearCase linear = new(29, 100, outs);
        float[] expected = linear.Floats(bias: true, residual: true);
        AssertSame(expected, linear.Floats(bias: true, residual: true, inPlace: true), "in place");
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void ActivationThatIsNotFinite_MakesItsRowNaN_AndNoOther(float value)
    {
        using LinearCase linear = new(13, 300, 130);
        using NativeFloats activations = new(13 * 300, 0);
        RandomAdapters.Values(new Random(3), activations.Length).CopyTo(activations.Span);
        Quantise();
        float[] clean = linear.Floats(bias: true, residual: true);
        byte[] cleanBytes = linear.Gelu(bias: true);
        activations.Span[(7 * 300) + 299] = value;
        Quantise();
        foreach (ByteTilePath path in ByteTilePaths.Supported)
        {
            float[] found = linear.Floats(bias: true, residual: true, path: path);
            for (int i = 0; i < found.Length; i++) Assert.True(i / 130 == 7 ? float.IsNaN(found[i]) : found[i].Equals(clean[i]));
            byte[] foundBytes = linear.Gelu(bias: true, path: path);
            fixed (byte* a = foundBytes)
            fixed (byte* b = cleanBytes)
            {
                ByteRows rows = LinearCase.GeluRows(a, 13, 130), cleanRows = LinearCase.GeluRows(b, 13, 130);
                for (int row = 0; row < 13; row++)
                {
                    Assert.True(row == 7 ? float.IsNaN(rows.Scales[row]) && float.IsNaN(rows.Lows[row]) : (rows.Scales[row], rows.Lows[row]) == (cleanRows.Scales[row], cleanRows.Lows[row]));
                    if (row != 7) Assert.True(new Span<byte>(rows.Bytes + (row * rows.RowBytes), 130).SequenceEqual(new Span<byte>(cleanRows.Bytes + (row * rows.RowBytes), 130)));
                }
            }
        }

        void Quantise()
        {
            for (int row = 0; row < 13; row++) RowQuantizer.Row(activations.Pointer + (row * 300), linear.X, row);
        }
    }

    [Fact]
    public void ColumnWhoseScaleIsNaN_IsNaNInEveryRow_AndNoOther()
    {
        using LinearCase linear = new(7, 24, 70);
        float[] clean = linear.Floats(bias: true, residual: false);
        linear.Matrix.Scales[66] = float.NaN;
        linear.Repack();
        float[] found = linear.Floats(bias: true, residual: false);
        for (int i = 0; i < found.Length; i++) Assert.True(i % 70 == 66 ? float.IsNaN(found[i]) : found[i].Equals(clean[i]));
    }

    [Fact]
    public void BytesThatFillUpAQuad_MayBeAnything()
    {
        using LinearCase linear = new(7, 259, 65);
        float[] expected = linear.Floats(bias: true, residual: true);
        for (int row = 0; row < 7; row++) linear.Bytes.Span[(row * 260) + 259] ^= 0xFF;
        foreach (ByteTilePath path in ByteTilePaths.Supported) AssertSame(expected, linear.Floats(bias: true, residual: true, path: path), $"{path}");
    }

    [Fact]
    public void NoRows_AreNoTasks()
    {
        using LinearCase linear = new(0, 24, 65);
        Assert.Empty(linear.Floats(bias: true, residual: true));
        Assert.Empty(linear.Gelu(bias: true));
        Assert.Equal(0, linear.Tasks(threads: 2));
    }

    private static void AssertSame(float[] expected, float[] found, string what) =>
        Assert.True(MemoryMarshal.AsBytes<float>(expected).SequenceEqual(MemoryMarshal.AsBytes<float>(found)), what);
}
