using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;
using MeLo.Edge.Tests.Models;

namespace MeLo.Edge.Tests.Kernels;

public sealed unsafe class RotationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(192)]
    [InlineData(200)]
    [InlineData(768)]
    public void Row_IsTheProductWithHadamardsMatrix_AndTheRestAsItWas(int features)
    {
        float[] row = RandomAdapters.Values(new Random(features), features);
        using NativeFloats found = new(features, 1);
        row.CopyTo(found.Span);
        Rotation.Row(found.Pointer, features);
        Assert.True(found.GuardsHold);
        double[] exact = Hadamard.Turned([.. row.Select(v => (double)v)]);
        for (int i = 0; i < features; i++) Assert.Equal(exact[i], found.Span[i], i < features / 64 * 64 ? 64 * 6 * 1e-7 : 0);
    }

    // Sums of whole numbers are exact in any order, so what differs is in the wrong place.
    [Fact]
    public void Row_OfOneFeature_IsItsColumnOfTheMatrix()
    {
        for (int j = 0; j < 64; j++)
        {
            using NativeFloats row = new(64, 0);
            row.Span.Clear();
            row.Span[j] = 3;
            Rotation.Row(row.Pointer, 64);
            Assert.Equal(Enumerable.Range(0, 64).Select(i => 3f * Hadamard.Sign(i, j)), row.Span.ToArray());
        }
    }

    [Theory]
    [InlineData(64)]
    [InlineData(150)]
    public void TurnedInputTimesTurnedWeights_IsTheProduct(int features)
    {
        const int outs = 5;
        Random random = new(3);
        float[] x = RandomAdapters.Values(random, features), weights = RandomAdapters.Values(random, features * outs), turned = [.. weights];
        Rotation.Weights(turned, outs);
        double[] turnedX = Hadamard.Turned([.. x.Select(v => (double)v)]);
        for (int o = 0; o < outs; o++)
        {
            double expected = Enumerable.Range(0, features).Sum(i => (double)x[i] * weights[(i * outs) + o]), found = Enumerable.Range(0, features).Sum(i => turnedX[i] * turned[(i * outs) + o]);
            Assert.Equal(expected, found, 1e-4);
        }
    }

    [Theory]
    [InlineData(128)]
    [InlineData(140)]
    public void Gram_IsThatOfTurnedRows(int features)
    {
        double[][] rows = [.. Enumerable.Range(0, 4).Select(i => RandomAdapters.Values(new Random(i), features).Select(v => (double)v).ToArray())];
        double[] plain = Of(rows), kept = [.. plain], expected = Of([.. rows.Select(row => Hadamard.Turned(row))]), found = Rotation.Gram(plain);
        Assert.Equal(kept, plain);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], found[i], 1e-9);

        double[] Of(double[][] inputs)
        {
            double[] gram = new double[features * features];
            foreach (double[] x in inputs)
                for (int i = 0; i < features; i++)
                    for (int j = 0; j < features; j++) gram[(i * features) + j] += x[i] * x[j];
            return gram;
        }
    }

    [Fact]
    public void ValueThatIsNotFinite_ShowsInItsBlock()
    {
        using NativeFloats row = new(130, 0);
        row.Span.Fill(1);
        row.Span[70] = float.PositiveInfinity;
        Rotation.Row(row.Pointer, 130);
        Assert.All(row.Span[..64].ToArray(), v => Assert.True(float.IsFinite(v)));
        Assert.All(row.Span[64..128].ToArray(), v => Assert.False(float.IsFinite(v)));
        Assert.Equal([1, 1], row.Span[128..].ToArray());
    }
}
