namespace MeLo.Edge.Tests;

/// <summary>erf in double precision.</summary>
internal static class ErrorFunction
{
    /// <summary>The error function by its Maclaurin series, and by the continued fraction of its complement far out (DLMF 7.6.1, 7.9.1).</summary>
    public static double Erf(double x)
    {
        if (Math.Abs(x) > 3)
        {
            double fraction = 0, z = Math.Abs(x);
            for (int n = 60; n > 0; n--) fraction = n / 2.0 / (z + fraction);
            return Math.Sign(x) * (1 - (Math.Exp(-z * z) / Math.Sqrt(Math.PI) / (z + fraction)));
        }
        double term = x, sum = x;
        for (int n = 1; n < 100; n++)
        {
            term *= -x * x / n;
            sum += term / ((2 * n) + 1);
        }
        return 2 / Math.Sqrt(Math.PI) * sum;
    }
}
