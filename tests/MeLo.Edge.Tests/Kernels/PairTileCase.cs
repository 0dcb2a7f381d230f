using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>
/// The memory of one bfloat16 tile's call, with guards around it, and the same computed plainly in binary64. Whatever a tile must not use is NaN: A
/// between its rows and pairs, B's columns beyond the tile's.
/// </summary>
internal sealed unsafe class PairTileCase : IDisposable
{
    private const int Pitch = 83; // floats from one row of the result to the next
    private const float Untouched = 12345;
    private const double Unit = 1 / 16777216d; // 2^-24

    private readonly int _rows;
    private readonly int _vectors;
    private readonly int _pairs;
    private readonly int _rowStride;
    private readonly int _pairStride;
    private readonly NativeBytes _a;
    private readonly NativeBytes _b;
    private readonly NativeFloats _factors;
    private readonly NativeFloats _result;

    /// <param name="rows">The rows.</param>
    /// <param name="vectors">The vectors of sixteen columns.</param>
    /// <param name="pairs">The pairs to sum over.</param>
    /// <param name="transposed">Whether A's rows lie side by side, one pair of each after the other's, instead of each row's pairs.</param>
    public PairTileCase(int rows, int vectors, int pairs, bool transposed)
    {
        (_rows, _vectors, _pairs) = (rows, vectors, pairs);
        (_rowStride, _pairStride) = transposed ? (1, 64) : (pairs + 3, 1);
        Random random = new((((rows * 5) + vectors) * 1009) + pairs);
        _a = new NativeBytes(sizeof(uint) * (long)(((rows - 1) * _rowStride) + ((pairs - 1) * _pairStride) + 1), 4 * random.Next(4));
        _b = new NativeBytes(sizeof(uint) * (long)pairs * PairTileCall.PanelColumns, 4 * random.Next(4));
        _factors = new NativeFloats(rows, random.Next(4));
        _result = new NativeFloats(((rows - 1) * Pitch) + (vectors * 16), random.Next(4));
        _a.Span.Fill(0xFF);
        _b.Span.Fill(0xFF);
        for (int k = 0; k < 2 * pairs; k++)
        {
            for (int row = 0; row < rows; row++) A(row, k) = Random();
            for (int column = 0; column < vectors * 16; column++) B(k, column) = Random();
        }
        foreach (ref float factor in _factors.Span) factor = random.NextSingle() + 0.5f;

        ushort Random() => (ushort)Bfloat16.Bits(Bfloat16.Round((2 * random.NextSingle()) - 1));
    }

    public int Columns => _vectors * 16;

    /// <summary>The sixteen bits of a number of A, by row and its place along the sum.</summary>
    public ref ushort A(int row, int k) => ref ((ushort*)_a.Pointer)[(2 * ((row * _rowStride) + (k / 2 * _pairStride))) + (k % 2)];

    /// <summary>The sixteen bits of a number of B.</summary>
    public ref ushort B(int k, int column) => ref ((ushort*)_b.Pointer)[(2 * ((k / 2 * PairTileCall.PanelColumns) + column)) + (k % 2)];

    public PairTileCall Call(bool factors)
    {
        _result.Span.Fill(Untouched);
        return new PairTileCall
        {
            A = (uint*)_a.Pointer, RowStride = _rowStride * sizeof(uint), PairStride = _pairStride * sizeof(uint), B = (uint*)_b.Pointer, Pairs = _pairs,
            Factors = factors ? _factors.Pointer : null, Result = _result.Pointer, ResultStride = Pitch * sizeof(float),
        };
    }

    /// <summary>What the call wrote, [rows, columns], and nothing beside.</summary>
    public float[] Results()
    {
        Assert.True(_a.GuardsHold && _b.GuardsHold && _factors.GuardsHold && _result.GuardsHold, "wrote outside the result");
        float[] results = new float[_rows * Columns];
        for (int row = 0; row < _rows; row++)
        {
            _result.Span.Slice(row * Pitch, Columns).CopyTo(results.AsSpan(row * Columns));
            for (int i = (row * Pitch) + Columns; i < Math.Min(_result.Length, (row + 1) * Pitch); i++) Assert.Equal(Untouched, _result.Span[i]);
        }
        return results;
    }

    /// <summary>Holds results against sums of binary64, within what as many roundings to binary32 can do.</summary>
    public void AssertClose(float[] results, bool factors)
    {
        for (int row = 0; row < _rows; row++)
        {
            double factor = factors ? _factors.Span[row] : 1;
            for (int column = 0; column < Columns; column++)
            {
                double sum = 0, magnitude = 0;
                for (int k = 0; k < 2 * _pairs; k++)
                {
                    double product = Value(A(row, k)) * Value(B(k, column));
                    sum += product;
                    magnitude += Math.Abs(product);
                }
                double error = Math.Abs(results[(row * Columns) + column] - (factor * sum)), bound = ((2 * _pairs) + 1) * Unit * factor * magnitude;
                Assert.True(error <= bound, $"[{row},{column}] is {results[(row * Columns) + column]}, expected {factor * sum} within {bound}");
            }
        }
    }

    public void Dispose()
    {
        _a.Dispose();
        _b.Dispose();
        _factors.Dispose();
        _result.Dispose();
    }

    private static double Value(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
}
