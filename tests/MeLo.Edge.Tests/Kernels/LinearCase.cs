using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>One linear's memory: random bytes with random ranges, a random matrix, bias and residual, each with guards around it.</summary>
internal sealed unsafe class LinearCase : IDisposable
{
    private readonly int _rows;
    private readonly int _outs;
    private readonly NativeFloats _ranges;
    private readonly NativeFloats _result;
    private readonly NativeBytes _geluResult;
    private readonly NativeBytes _packed;

    public LinearCase(int rows, int features, int outs)
    {
        (_rows, _outs) = (rows, outs);
        Random random = new((((rows * 31) + features) * 31) + outs);
        Bytes = new NativeBytes(rows * ((features + 3) / 4 * 4), random.Next(3));
        random.NextBytes(Bytes.Span);
        _ranges = new NativeFloats(2 * ((features + 255) / 256) * rows, 0);
        for (int i = 0; i < _ranges.Length; i++) _ranges.Span[i] = i < _ranges.Length / 2 ? (0.5f + random.NextSingle()) / 64 : -1 - (2 * random.NextSingle());
        X = ByteRows.Of(Bytes.Pointer, _ranges.Pointer, rows, features);
        Matrix = PackedValues.Random(features, outs, random.Next());
        _packed = new NativeBytes(Matrix.Pack());
        Bias = Values(outs, 1);
        Residual = Values(rows * outs, 3);
        _result = new NativeFloats(rows * outs, 1);
        _geluResult = new NativeBytes(GeluLength(rows, outs), 0);

        NativeFloats Values(int length, int misalignment)
        {
            NativeFloats values = new(length, misalignment);
            for (int i = 0; i < length; i++) values.Span[i] = (2 * random.NextSingle()) - 1;
            return values;
        }
    }

    public ByteRows X { get; }

    public NativeBytes Bytes { get; }

    public PackedValues Matrix { get; }

    public NativeFloats Bias { get; }

    public NativeFloats Residual { get; }

    /// <summary>Bytes, filled up to whole floats, then ranges.</summary>
    public static int GeluLength(int rows, int outs) => (rows * ((outs + 3) / 4 * 4)) + (2 * ((outs + 255) / 256) * rows * sizeof(float));

    public static ByteRows GeluRows(byte* at, int rows, int outs) => ByteRows.Of(at, (float*)(at + (rows * ((outs + 3) / 4 * 4))), rows, outs);

    public void Repack() => Matrix.Pack().CopyTo(_packed.Span);

    public int Tasks(int threads) => ByteLinear.Floats(X, _packed.Pointer, _outs, null, null, _result.Pointer, threads, ByteTilePaths.Best).Tasks;

    public float[] Floats(bool bias, bool residual, int threads = 1, ByteTilePath? path = null, Action<int, Action<int>>? order = null, bool inPlace = false)
    {
        if (inPlace) Residual.Span.CopyTo(_result.Span);
        else _result.Span.Fill(float.NaN);
        ByteLinear linear = ByteLinear.Floats(X, _packed.Pointer, _outs, bias ? Bias.Pointer : null,
            inPlace ? _result.Pointer : residual ? Residual.Pointer : null, _result.Pointer, threads, path ?? ByteTilePaths.Best);
        Run(linear, order);
        return _result.Span.ToArray();
    }

    public byte[] Gelu(bool bias, bool rotated = false, int threads = 1, ByteTilePath? path = null, Action<int, Action<int>>? order = null)
    {
        _geluResult.Span.Clear();
        Run(ByteLinear.GeluBytes(X, _packed.Pointer, bias ? Bias.Pointer : null, GeluRows(_geluResult.Pointer, _rows, _outs), rotated, threads, path ?? ByteTilePaths.Best), order);
        return _geluResult.Span.ToArray();
    }

    /// <summary>[rows, outs] of x·W in double precision, and the sums of the magnitudes that cancel in it.</summary>
    public (double[] Product, double[] Magnitude) Exact()
    {
        double[] product = new double[_rows * _outs], magnitude = new double[_rows * _outs];
        for (int row = 0; row < _rows; row++)
        {
            for (int group = 0; group < X.Groups; group++)
            {
                double scale = X.Scales[(group * _rows) + row], low = X.Lows[(group * _rows) + row];
                int first = group * 256, end = Math.Min(X.Features, first + 256);
                long[] products = new long[_outs], sums = new long[_outs];
                for (int i = first; i < end; i++)
                {
                    int activation = Bytes.Span[(row * X.RowBytes) + i];
                    ReadOnlySpan<sbyte> weights = Matrix.Values.AsSpan(i * _outs, _outs);
                    for (int o = 0; o < weights.Length; o++)
                    {
                        products[o] += activation * weights[o];
                        sums[o] += weights[o];
                    }
                }
                for (int o = 0; o < _outs; o++)
                {
                    product[(row * _outs) + o] += ((scale * products[o]) + (low * sums[o])) * Matrix.Scales[(group * _outs) + o];
                    magnitude[(row * _outs) + o] += ((scale * Math.Abs(products[o])) + Math.Abs(low * sums[o])) * Matrix.Scales[(group * _outs) + o];
                }
            }
        }
        return (product, magnitude);
    }

    public void Dispose()
    {
        foreach (NativeFloats floats in (NativeFloats[])[_ranges, _result, Bias, Residual]) floats.Dispose();
        foreach (NativeBytes bytes in (NativeBytes[])[_geluResult, _packed, Bytes]) bytes.Dispose();
    }

    private void Run(ByteLinear linear, Action<int, Action<int>>? order)
    {
        if (order is not null) order(linear.Tasks, task => linear.Task(task));
        else for (int task = 0; task < linear.Tasks; task++) linear.Task(task);
        Assert.True(_result.GuardsHold && _geluResult.GuardsHold && _packed.GuardsHold && Bytes.GuardsHold && _ranges.GuardsHold && Bias.GuardsHold && Residual.GuardsHold, "wrote outside the result");
    }
}
