namespace MeLo.Edge.Imaging;

/// <summary>
/// Resizing along one axis: for each output position the input positions that it is a weighted mean of. Positions, support and
/// normalisation are those of Pillow's <c>precompute_coeffs</c> (libImaging, Resample.c): pixel centres at half-integers; when
/// shrinking, the filter is stretched by the scale, which is what makes it antialiased.
/// </summary>
internal sealed class ResampleAxis
{
    private readonly int[] _starts;
    private readonly int[] _lengths;
    private readonly float[] _weights;
    private readonly int _stride;

    /// <summary>Output positions <paramref name="first"/> to <paramref name="first"/> + <paramref name="count"/> of a resize from
    /// <paramref name="inSize"/> to <paramref name="outSize"/>. Each weight is stored <paramref name="repeat"/> times in a row, and each
    /// output's weights are padded with zeros to a multiple of <paramref name="align"/>.</summary>
    public ResampleAxis(int inSize, int outSize, int first, int count, Interpolation interpolation, int repeat = 1, int align = 1)
    {
        double scale = (double)inSize / outSize;
        double filterScale = Math.Max(scale, 1);
        double support = ResampleFilter.Support(interpolation) * filterScale;
        int longest = Math.Min(inSize, ((int)Math.Ceiling(support) * 2) + 1);
        _stride = (longest * repeat + align - 1) / align * align;
        _starts = new int[count];
        _lengths = new int[count];
        _weights = new float[count * _stride];
        double[] weights = new double[longest];
        for (int i = 0; i < count; i++)
        {
            double centre = (first + i + 0.5) * scale;
            int start = Math.Max(0, (int)(centre - support + 0.5));
            int end = Math.Min(inSize, (int)(centre + support + 0.5));
            double sum = 0;
            for (int x = start; x < end; x++)
                sum += weights[x - start] = ResampleFilter.Weight(interpolation, (x - centre + 0.5) / filterScale);
            for (int x = 0; x < end - start; x++)
                _weights.AsSpan((i * _stride) + (x * repeat), repeat).Fill((float)(weights[x] / sum));
            _starts[i] = start;
            _lengths[i] = end - start;
        }
        Begin = _starts[0];
        End = _starts[^1] + _lengths[^1];
    }

    /// <summary>The first input position that any output needs.</summary>
    public int Begin { get; }

    /// <summary>One past the last input position that any output needs.</summary>
    public int End { get; }

    /// <summary>Output positions.</summary>
    public int Count => _starts.Length;

    /// <summary>Stored weights an output: repeated and padded.</summary>
    public int Stride => _stride;

    /// <summary>The first input position of an output.</summary>
    public int Start(int output) => _starts[output];

    /// <summary>How many input positions an output has, without padding.</summary>
    public int Length(int output) => _lengths[output];

    /// <summary>The weights of an output: <see cref="Stride"/> of them.</summary>
    public ReadOnlySpan<float> Weights(int output) => _weights.AsSpan(output * _stride, _stride);
}
