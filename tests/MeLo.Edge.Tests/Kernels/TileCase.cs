using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>The memory of one tile's call: random bytes, weights, sums, ranges, scales, bias and residual, each with guards around it.</summary>
internal sealed unsafe class TileCase : IDisposable
{
    private readonly int _rows;
    private readonly int _groups;
    private readonly int _fourQuads;
    private readonly int _oddQuads;
    private readonly int _rowBytes;
    private readonly NativeBytes _bytes;
    private readonly NativeBytes _weights;
    private readonly NativeFloats _sums;
    private readonly NativeFloats _partial;
    private readonly NativeFloats _result;

    /// <param name="rows">The rows.</param>
    /// <param name="groups">The groups, all but the last whole.</param>
    /// <param name="fourQuads">How many times four quads the last group has.</param>
    /// <param name="oddQuads">How many quads it has beside.</param>
    public TileCase(int rows, int groups, int fourQuads, int oddQuads)
    {
        (_rows, _groups, _fourQuads, _oddQuads) = (rows, groups, fourQuads, oddQuads);
        Random random = new((((rows * 7) + groups) * 31 + fourQuads) * 5 + oddQuads);
        _rowBytes = Features + (4 * random.Next(3));
        _bytes = new NativeBytes(((rows - 1) * _rowBytes) + Features, random.Next(5));
        _weights = new NativeBytes(Features * 64, 0);
        _sums = new NativeFloats(groups * 64, random.Next(3));
        Scales = new NativeFloats(RangeFloats * groups, 0);
        Lows = new NativeFloats(RangeFloats * groups, 1);
        _partial = new NativeFloats(rows * 64, random.Next(2));
        _result = new NativeFloats(rows * Pitch, random.Next(2));
        ColumnScales = new NativeFloats(groups * 64, random.Next(2));
        Bias = new NativeFloats(64, random.Next(2));
        Residual = new NativeFloats(rows * Pitch, random.Next(2));
        random.NextBytes(_bytes.Span);
        FillWeights(() => (sbyte)random.Next(-127, 128));
        for (int i = 0; i < Scales.Length; i++) (Scales.Span[i], Lows.Span[i]) = (random.NextSingle(), random.NextSingle() - 0.5f);
        foreach (ref float value in ColumnScales.Span) value = random.NextSingle();
        foreach (ref float value in Bias.Span) value = (random.NextSingle() - 0.5f) * 1e4f;
        foreach (ref float value in Residual.Span) value = (random.NextSingle() - 0.5f) * 1e5f;
    }

    /// <summary>The floats from one row of the result to the next.</summary>
    public int Pitch { get; } = 83;

    public int Features => FeaturesBefore + (((_fourQuads * 4) + _oddQuads) * 4);

    public NativeFloats Scales { get; }

    public NativeFloats Lows { get; }

    public NativeFloats ColumnScales { get; }

    public NativeFloats Bias { get; }

    public NativeFloats Residual { get; }

    public Span<byte> Bytes => _bytes.Span;

    // The ranges of other rows lie between.
    public int RangeFloats => _rows + 3;

    private int FeaturesBefore => (_groups - 1) * PackedMatrix.GroupRows;

    public void FillWeights(Func<sbyte> next)
    {
        foreach (ref byte weight in _weights.Span) weight = (byte)next();
        _sums.Span.Clear();
        for (int i = 0; i < Features; i++)
        {
            for (int column = 0; column < 64; column++)
                _sums.Span[(i / PackedMatrix.GroupRows * 64) + column] += (sbyte)_weights.Span[(int)PackedMatrix.WeightOffset(i, column)];
        }
    }

    /// <summary>The features of a group.</summary>
    public int GroupFeatures(int group) => group < _groups - 1 ? PackedMatrix.GroupRows : Features - FeaturesBefore;

    /// <param name="path">How.</param>
    /// <param name="residual">Whether the residual is added.</param>
    /// <param name="next">What is to be fetched; never read for a result.</param>
    /// <returns>[rows, 64].</returns>
    public float[] Run(ByteTilePath path, bool residual = true, nint next = 0)
    {
        TileCall call = Call(residual, next);
        ByteTilePaths.Compute(path, &call, _rows);
        return Results();
    }

    public TileCall Call(bool residual = true, nint next = 0)
    {
        _partial.Span.Fill(float.NaN); // nothing needs to be in it
        _result.Span.Fill(Untouched);
        return new TileCall
        {
            Bytes = _bytes.Pointer, RowBytes = _rowBytes, Weights = (sbyte*)_weights.Pointer, Sums = _sums.Pointer, Scales = Scales.Pointer, Lows = Lows.Pointer,
            RangeStride = RangeFloats * sizeof(float), GroupsBefore = _groups - 1, FourQuads = _fourQuads, OddQuads = _oddQuads, Partial = _partial.Pointer,
            ColumnScales = ColumnScales.Pointer, Bias = Bias.Pointer, Residual = residual ? Residual.Pointer : null, Result = _result.Pointer, ResultStride = Pitch * sizeof(float),
            Next = (byte*)next,
        };
    }

    public float[] Results()
    {
        foreach (NativeFloats floats in Floats) Assert.True(floats.GuardsHold, "wrote outside the result");
        Assert.True(_bytes.GuardsHold && _weights.GuardsHold, "wrote outside the result");
        float[] results = new float[_rows * 64];
        for (int row = 0; row < _rows; row++)
        {
            _result.Span.Slice(row * Pitch, 64).CopyTo(results.AsSpan(row * 64));
            foreach (float value in _result.Span[((row * Pitch) + 64)..((row + 1) * Pitch)]) Assert.Equal(Untouched, value);
        }
        return results;
    }

    public void Dispose()
    {
        foreach (NativeBytes bytes in (NativeBytes[])[_bytes, _weights]) bytes.Dispose();
        foreach (NativeFloats floats in Floats) floats.Dispose();
    }

    private const float Untouched = 12345;

    private NativeFloats[] Floats => [_sums, Scales, Lows, _partial, _result, ColumnScales, Bias, Residual];
}
