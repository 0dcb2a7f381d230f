namespace MeLo.Edge.Phantoms;

/// <summary>Families of shapes.</summary>
internal enum Shape
{
    /// <summary>Round and filled.</summary>
    Disc,

    /// <summary>Round and hollow.</summary>
    Ring,

    /// <summary>Twice as long as wide, round.</summary>
    Ellipse,

    /// <summary>Three corners.</summary>
    Triangle,

    /// <summary>Four corners.</summary>
    Square,

    /// <summary>Many rays.</summary>
    Star,

    /// <summary>A disc with a bite taken out.</summary>
    Crescent,

    /// <summary>Two bars.</summary>
    Cross,

    /// <summary>Two discs.</summary>
    Pair,

    /// <summary>Four to six discs.</summary>
    Group,

    /// <summary>An outline that wanders.</summary>
    Ragged,

    /// <summary>A long thin bar.</summary>
    Bar,
}

/// <summary>What shapes look like.</summary>
internal static class Shapes
{
    /// <summary>How far within the shape a point is: positive inside, negative outside; the shape's radius is about 1.</summary>
    /// <param name="shape">The family.</param>
    /// <param name="noise">What varies.</param>
    /// <param name="count">How many rays a star has, or discs a group.</param>
    /// <param name="x">The point, from the shape's middle.</param>
    /// <param name="y">The point.</param>
    public static double Inside(this Shape shape, Noise noise, int count, double x, double y)
    {
        double distance = Math.Sqrt((x * x) + (y * y)) + 1e-9;
        switch (shape)
        {
            case Shape.Disc:
                return 1 - distance;
            case Shape.Ring:
                return 0.24 - Math.Abs(distance - 0.8);
            case Shape.Ellipse:
                return 0.65 * (1 - Math.Sqrt((x * x / 1.7) + (y * y * 2.6)));
            case Shape.Triangle:
                return 0.6 - Math.Max(y, Math.Max((0.866 * x) - (0.5 * y), (-0.866 * x) - (0.5 * y)));
            case Shape.Square:
                return 0.8 - Math.Max(Math.Abs(x), Math.Abs(y));
            case Shape.Star:
                double best = 0.55 - distance;
                for (int i = 0; i < count; i++)
                {
                    double cos = Curve.Cos((double)i / count), sin = Curve.Sin((double)i / count), along = (x * cos) + (y * sin);
                    if (along > 0) best = Math.Max(best, (0.18 * (1 - (along / 1.3))) - Math.Abs((y * cos) - (x * sin)));
                }
                return best;
            case Shape.Crescent:
                return Math.Min(1 - distance, Math.Sqrt(((x - 0.6) * (x - 0.6)) + (y * y)) - 0.7);
            case Shape.Cross:
                return Math.Min(1 - Math.Max(Math.Abs(x), Math.Abs(y)), 0.24 - Math.Min(Math.Abs(x), Math.Abs(y)));
            case Shape.Pair:
                return 0.45 - Math.Sqrt(((Math.Abs(x) - 0.55) * (Math.Abs(x) - 0.55)) + (y * y));
            case Shape.Group:
                double nearest = double.NegativeInfinity;
                for (int i = 0; i < count; i++)
                {
                    double right = x - (0.75 * Curve.Cos((double)i / count)), down = y - (0.75 * Curve.Sin((double)i / count));
                    nearest = Math.Max(nearest, 0.3 - Math.Sqrt((right * right) + (down * down)));
                }
                return nearest;
            case Shape.Ragged:
                return 0.9 + (1.1 * (noise.Fractal((2 * x / distance) + (0.4 * distance), 2 * y / distance, 3) - 0.5)) - distance;
            default:
                return Math.Min(1.2 - Math.Abs(x), 0.2 - Math.Abs(y));
        }
    }
}
