namespace MeLo.Edge.Imaging;

/// <summary>The filter functions of Pillow's Resample.c.</summary>
internal static class ResampleFilter
{
    // Keys, "Cubic convolution interpolation for digital image processing", 1981: third-order for this value.
    private const double A = -0.5;

    /// <summary>The distance from its centre at which the filter becomes 0, in output pixels.</summary>
    public static double Support(Interpolation interpolation) => interpolation == Interpolation.Bilinear ? 1 : 2;

    public static double Weight(Interpolation interpolation, double x)
    {
        x = Math.Abs(x);
        if (interpolation == Interpolation.Bilinear) return x < 1 ? 1 - x : 0;
        return x switch
        {
            < 1 => ((((A + 2) * x) - (A + 3)) * x * x) + 1,
            < 2 => ((((x - 5) * x) + 8) * x - 4) * A,
            _ => 0,
        };
    }
}
