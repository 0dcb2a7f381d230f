using MeLo.Edge.Kernels;
using MeLo.Edge.Tests.Adapters;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>The memory of one tile's call: random bytes, weights, sums, ranges and results, each with guards around it.</summary>
internal sealed unsafe class TileCase : IDisposable
{
    private readonly int _rows;
    private readonly int _groups;
    private readonly int _fourQuads;
    private readonly int _oddQuads;
    private readonly int _rowBytes;
    private readonly float[] _before;
    private readonly NativeBytes _bytes;
    private readonly NativeBytes _weights;
    private readonly NativeFloats _sums;
    private readonly NativeFloats _results;

    public TileCase(int rows, int groups, int fourQuads, int oddQuads)
    {
        (_rows, _groups, _fourQuads, _oddQuads) = (rows, groups, fourQuads, oddQuads);
        Random random = new((((rows * 7) + groups) * 31 + fourQuads) * 5 + oddQuads);
        int features = GroupFeatures * groups;
        _rowBytes = features + (4 * random.Next(3));
        _bytes = new NativeBytes(((rows - 1) * _rowBytes) + features, random.Next(5));
        _weights = new NativeBytes(features * 64, 0);
        _sums = new NativeFloats(groups * 64, random.Next(3));
        Scales = new NativeFloats(RangeFloats * groups, 0);
        Lows = new NativeFloats(RangeFloats * groups, 1);
        _results = new NativeFloats(rows * 64, random.Next(2));
        _before = new float[rows * 64];
        random.NextBytes(_bytes.Span);
        FillWeights(() => (sbyte)random.Next(-127, 128));
        for (int i = 0; i < Scales.Length; i++) (Scales.Span[i], Lows.Span[i]) = (random.NextSingle(), random.NextSingle() - 0.5f);
        for (int i = 0; i < _before.Length; i++) _before[i] = (random.NextSingle() - 0.5f) * 1e5f;
    }

    public int GroupFeatures => ((_fourQuads * 4) + _oddQuads) * 4;

    public NativeFloats Scales { get; }

    public NativeFloats Lows { get; }

    public Span<byte> Bytes => _bytes.Span;

    public Span<float> Before => _before;

    // The ranges of other rows lie between.
    public int RangeFloats => _rows + 3;

    public void FillWeights(Func<sbyte> next)
    {
        foreach (ref byte weight in _weights.Span) weight = (byte)next();
        for (int group = 0; group < _groups; group++)
        {
            for (int column = 0; column < 64; column++)
            {
                int sum = 0;
                for (int i = 0; i < GroupFeatures; i++) sum += (sbyte)_weights.Span[(((((group * GroupFeatures) + i) / 4 * 64) + column) * 4) + (i % 4)];
                _sums.Span[(group * 64) + column] = sum;
            }
        }
    }

    /// <param name="compute">Called with the call and its rows.</param>
    /// <param name="next">What is to be fetched; never read for a result.</param>
    public float[] Run(Action<nint, int> compute, nint next = 0)
    {
        TileCall call = Call(next);
        compute((nint)(&call), _rows);
        return Results();
    }

    public float[] Run(ByteTilePath path, nint next = 0) => Run((call, rows) => ByteTilePaths.Compute(path, (TileCall*)call, rows), next);

    /// <summary>A call, with the results as they were before.</summary>
    public TileCall Call(nint next = 0)
    {
        Before.CopyTo(_results.Span);
        return new TileCall
        {
            Bytes = _bytes.Pointer, RowBytes = _rowBytes, Weights = (sbyte*)_weights.Pointer, Sums = _sums.Pointer, Scales = Scales.Pointer, Lows = Lows.Pointer,
            RangeStride = RangeFloats * sizeof(float), Groups = _groups, FourQuads = _fourQuads, OddQuads = _oddQuads, Results = _results.Pointer, Next = (byte*)next,
        };
    }

    public float[] Results()
    {
        Assert.True(_results.GuardsHold && _sums.GuardsHold && Scales.GuardsHold && Lows.GuardsHold && _bytes.GuardsHold && _weights.GuardsHold, "wrote outside the results");
        return _results.Span.ToArray();
    }

    public void Dispose()
    {
        foreach (NativeBytes bytes in (NativeBytes[])[_bytes, _weights]) bytes.Dispose();
        foreach (NativeFloats floats in (NativeFloats[])[_sums, Scales, Lows, _results]) floats.Dispose();
    }
}
