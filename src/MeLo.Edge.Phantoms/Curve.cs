namespace MeLo.Edge.Phantoms;

/// <summary>
/// The functions that pictures are drawn with, made of additions, multiplications, divisions and square roots alone. Those IEEE 754 rounds
/// correctly, and .NET neither reorders nor fuses them, so that they give the same bits on every machine; Math.Sin and Math.Exp
/// come from each platform's C library and do not.
/// </summary>
internal static class Curve
{
    /// <summary>The sine of an angle in turns: 0.25 is a right angle. Within 1e-7.</summary>
    public static double Sin(double turns)
    {
        double t = turns - Math.Floor(turns + 0.5); // -0.5 .. 0.5
        if (t > 0.25) t = 0.5 - t;
        else if (t < -0.25) t = -0.5 - t;
        double x = 2 * Math.PI * t, q = x * x;
        return x * (1 - (q / 6 * (1 - (q / 20 * (1 - (q / 42 * (1 - (q / 72 * (1 - (q / 110)))))))))); // Taylor's series
    }

    /// <summary>The cosine of an angle in turns.</summary>
    public static double Cos(double turns) => Sin(turns + 0.25);

    /// <summary>0 up to -1, 1 from 1 on, and smooth between.</summary>
    public static double Step(double x)
    {
        double t = Math.Clamp((x + 1) / 2, 0, 1);
        return t * t * (3 - (2 * t));
    }

    /// <summary>A bell: 1 where the squared distance is 0, and 0 from 1 on.</summary>
    public static double Bell(double squared)
    {
        double t = Math.Max(0, 1 - squared);
        return t * t;
    }

    /// <summary>From a to b as t goes from 0 to 1.</summary>
    public static double Mix(double a, double b, double t) => a + ((b - a) * t);
}
