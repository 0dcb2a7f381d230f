namespace MeLo.Edge.Phantoms;

/// <summary>Families of textures.</summary>
internal enum Texture
{
    /// <summary>Fractal noise with much detail.</summary>
    FineNoise,

    /// <summary>Soft clouds.</summary>
    Clouds,

    /// <summary>Parallel bands.</summary>
    Stripes,

    /// <summary>Squares of two colours.</summary>
    Checks,

    /// <summary>Spots, one in each cell of a lattice.</summary>
    Dots,

    /// <summary>Rings around a point.</summary>
    Rings,

    /// <summary>Lines where noise has ridges.</summary>
    Strands,

    /// <summary>Patches with sharp borders.</summary>
    Patches,
}

/// <summary>What textures look like.</summary>
internal static class Textures
{
    /// <summary>The value at a point, 0 to 1.</summary>
    /// <param name="texture">The family.</param>
    /// <param name="noise">What varies.</param>
    /// <param name="scale">How many stripes, checks or dots there are from edge to edge.</param>
    /// <param name="x">The point.</param>
    /// <param name="y">The point.</param>
    public static double At(this Texture texture, Noise noise, double scale, double x, double y)
    {
        double warp = 0.1 * (noise.At(4 * x, 4 * y) - 0.5);
        switch (texture)
        {
            case Texture.FineNoise:
                return Curve.Step((noise.Fractal(2 * scale * x, 2 * scale * y, 3) - 0.5) / 0.3);
            case Texture.Clouds:
                return Curve.Step((noise.Fractal(0.5 * scale * x, 0.5 * scale * y, 2) - 0.5) / 0.3);
            case Texture.Stripes:
                return (1 + Curve.Sin(scale * (x + warp))) / 2;
            case Texture.Checks:
                return Curve.Step(4 * Curve.Sin(0.5 * scale * (x + warp)) * Curve.Sin(0.5 * scale * (y + warp)));
            case Texture.Dots:
                double right = (scale * (x + warp)) - Math.Floor(scale * (x + warp)) - 0.5, down = (scale * (y + warp)) - Math.Floor(scale * (y + warp)) - 0.5;
                return Curve.Step((0.28 - Math.Sqrt((right * right) + (down * down))) / 0.1);
            case Texture.Rings:
                return (1 + Curve.Sin(scale * (Math.Sqrt((x * x) + (y * y)) + warp))) / 2;
            case Texture.Strands:
                double ridge = 1 - Math.Abs((2 * noise.Fractal(0.7 * scale * x, 0.7 * scale * y, 2)) - 1);
                return Curve.Step((ridge - 0.85) / 0.12);
            default:
                return Curve.Step((noise.Fractal(0.8 * scale * x, 0.8 * scale * y, 2) - 0.5) / 0.03);
        }
    }
}
