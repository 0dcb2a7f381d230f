using System.Runtime.Intrinsics;
using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;
using MeLo.Edge.Tests.Models;

namespace MeLo.Edge.Tests.Kernels;

public sealed unsafe class VectorFunctionsTests
{
    [Fact]
    public void Gelu_OverTheFloats_UsesAnErrorFunctionWithinTwoMillionths()
    {
        float[] values = Spread();
        double[] exact = [.. values.Select(x => ErrorFunction.Erf(x / Math.Sqrt(2)))];
        foreach (VectorWidth width in VectorWidths.Supported)
        {
            float[] results = RunGelu(values, width);
            for (int i = 0; i < values.Length; i++)
            {
                double erf = (2.0 * results[i] / values[i]) - 1;
                Assert.True(Math.Abs(erf - exact[i]) <= 2e-6, $"{width}: GELU of {values[i]:r} is {results[i]:r}");
            }
        }
    }

    [Fact]
    public void Gelu_OfSpecialValues_IsAsDocumented()
    {
        float[] values = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0, -0f, float.MaxValue, float.MinValue, float.Epsilon, -5, -20, 20];
        float[] expected = [float.NaN, float.NaN, float.NaN, 0, 0, float.MaxValue, 0, 0, 0, 0, 20];
        foreach (VectorWidth width in VectorWidths.Supported) Assert.Equal(expected, RunGelu(values, width));
    }

    [Fact]
    public void GeluOfAnyLength_InPlaceAndUnaligned_WritesThatManyValues()
    {
        Random random = new(1);
        for (int length = 0; length < 70; length++)
        {
            foreach (VectorWidth width in VectorWidths.Supported)
            {
                using NativeFloats inPlace = new(length, 3), from = new(length, 1), to = new(length, 5);
                foreach (ref float x in from.Span) x = (random.NextSingle() * 8) - 4;
                from.Span.CopyTo(inPlace.Span);
                Gelu.Run(inPlace.Pointer, inPlace.Pointer, length, width);
                Gelu.Run(from.Pointer, to.Pointer, length, width);
                Assert.Equal(inPlace.Span, to.Span);
                for (int i = 0; i < length; i++) Assert.Equal(from.Span[i] / 2 * (1 + ErrorFunction.Erf(from.Span[i] / Math.Sqrt(2))), to.Span[i], 1e-5);
                Assert.True(inPlace.GuardsHold && to.GuardsHold, $"{width} wrote outside its destination");
            }
        }
    }

    [Fact]
    public void Exp2_DownToTheSmallestNormalNumber_IsExactToTwentyTwoBits()
    {
        float[] values = [.. Enumerable.Range(0, 100_000).Select(i => (i - 90_000) * 1.4e-3f)];
        foreach (VectorWidth width in VectorWidths.Supported)
        {
            float[] results = RunExp2(values, width);
            for (int i = 0; i < values.Length; i++)
            {
                double exact = Math.Pow(2, values[i]);
                Assert.True(Math.Abs(results[i] - exact) <= exact / (1 << 22), $"{width}: 2^{values[i]:r} is {results[i]:r}");
            }
        }
    }

    [Fact]
    public void Exp2_OfSpecialValues_IsAsDocumented()
    {
        foreach (VectorWidth width in VectorWidths.Supported)
        {
            float[] results = RunExp2([float.NaN, float.NegativeInfinity, -128, -150, -1e4f, float.MinValue, -0f, 1], width);
            Assert.All(results[..2], r => Assert.True(float.IsNaN(r)));
            Assert.All(results[2..6], r => Assert.InRange(r, 0, 1.2e-38f));
            Assert.Equal(0, results[4]);
            Assert.Equal(1, results[6], 3e-7);
            Assert.Equal(2, results[7], 6e-7);
        }
    }

    // Floats of all sizes but the smallest, whose GELU has too few bits to tell; the most where the function bends.
    private static float[] Spread()
    {
        List<float> values = [];
        for (int bits = BitConverter.SingleToInt32Bits(1e-30f); bits < BitConverter.SingleToInt32Bits(1e30f); bits += bits is > 0x3A000000 and < 0x42000000 ? 4999 : 99_991)
        {
            values.Add(BitConverter.Int32BitsToSingle(bits));
            values.Add(-values[^1]);
        }
        return [.. values];
    }

    private static float[] RunGelu(float[] values, VectorWidth width)
    {
        float[] results = new float[values.Length];
        fixed (float* from = values, to = results) Gelu.Run(from, to, values.Length, width);
        return results;
    }

    private static float[] RunExp2(float[] values, VectorWidth width) => width switch
    {
        VectorWidth.Vector512 => RunExp2<FloatLanes512, Vector512<float>>(values),
        VectorWidth.Vector256 => RunExp2<FloatLanes256, Vector256<float>>(values),
        _ => RunExp2<FloatLanes128, Vector128<float>>(values),
    };

    private static float[] RunExp2<TLanes, TVector>(float[] values)
        where TLanes : struct, IFloatLanes<TVector>
        where TVector : struct
    {
        float[] padded = new float[values.Length + 16];
        values.CopyTo(padded, 0);
        fixed (float* p = padded)
        {
            for (int i = 0; i < values.Length; i += TLanes.Count) TLanes.Store(VectorFunctions.Exp2<TLanes, TVector>(TLanes.Load(p + i)), p + i);
        }
        return padded[..values.Length];
    }
}
