namespace MeLo.Edge.Models;

/// <summary>
/// Resamples a learned position embedding to another grid, as timm's <c>resample_abs_pos_embed</c> does: bicubic with antialiasing.
/// That is torch's <c>interpolate(mode="bicubic", antialias=True, align_corners=False)</c>: Keys' cubic with a = -1/2, widened by the
/// scale when the grid shrinks, its weights normalised where the window leaves the grid.
/// </summary>
internal static class PositionEmbedding
{
    /// <summary>Keys' free parameter; torch uses -1/2 with antialiasing, as Pillow does, and -3/4 without.</summary>
    private const double A = -0.5;

    /// <summary>The cubic is zero from this distance on.</summary>
    private const double Support = 2;

    /// <param name="grid">[from, from, dim], row-major.</param>
    /// <param name="from">The side of the old grid.</param>
    /// <param name="to">The side of the new grid.</param>
    /// <param name="dim">The width of a token.</param>
    /// <returns>[to, to, dim], row-major.</returns>
    public static float[] Resample(ReadOnlySpan<float> grid, int from, int to, int dim)
    {
        if (from == to) return grid.ToArray();
        Window[] windows = [.. Enumerable.Range(0, to).Select(i => Window.At(i, from, to))];

        double[] wide = new double[from * to * dim]; // [from, to, dim]
        for (int y = 0; y < from; y++)
            for (int x = 0; x < to; x++)
                for (int j = 0; j < windows[x].Weights.Length; j++)
                {
                    ReadOnlySpan<float> source = grid.Slice(((y * from) + windows[x].First + j) * dim, dim);
                    Span<double> target = wide.AsSpan(((y * to) + x) * dim, dim);
                    double weight = windows[x].Weights[j];
                    for (int c = 0; c < dim; c++) target[c] += weight * source[c];
                }

        float[] result = new float[to * to * dim];
        double[] sum = new double[to * dim]; // one row: [to, dim]
        for (int y = 0; y < to; y++)
        {
            Array.Clear(sum);
            for (int j = 0; j < windows[y].Weights.Length; j++)
            {
                ReadOnlySpan<double> source = wide.AsSpan((windows[y].First + j) * to * dim, to * dim);
                double weight = windows[y].Weights[j];
                for (int c = 0; c < sum.Length; c++) sum[c] += weight * source[c];
            }
            for (int c = 0; c < sum.Length; c++) result[(y * to * dim) + c] = (float)sum[c];
        }
        return result;
    }

    /// <summary>The old positions that one new position is made of.</summary>
    private readonly record struct Window(int First, double[] Weights)
    {
        public static Window At(int index, int from, int to)
        {
            double scale = (double)from / to;
            double stretch = Math.Max(scale, 1);
            double centre = scale * (index + 0.5);
            int first = Math.Max((int)(centre - (Support * stretch) + 0.5), 0);
            int end = Math.Min((int)(centre + (Support * stretch) + 0.5), from);
            double[] weights = [.. Enumerable.Range(first, end - first).Select(i => Cubic((i - centre + 0.5) / stretch))];
            double sum = weights.Sum();
            return new Window(first, [.. weights.Select(w => w / sum)]);
        }
    }

    /// <summary>Keys, "Cubic convolution interpolation for digital image processing" (1981), equation 15, for any a.</summary>
    private static double Cubic(double x)
    {
        x = Math.Abs(x);
        return x switch
        {
            < 1 => ((((A + 2) * x) - (A + 3)) * x * x) + 1,
            < 2 => ((((x - 5) * x) + 8) * x - 4) * A,
            _ => 0,
        };
    }
}
