namespace MeLo.Edge.Phantoms;

/// <summary>Red, green, blue; 0 to 1.</summary>
internal readonly record struct Colour(double Red, double Green, double Blue)
{
    /// <summary>Another colour by so much: each channel its own way.</summary>
    public Colour Varied(SeededRandom random, double by) =>
        new(Red + random.Between(-by, by), Green + random.Between(-by, by), Blue + random.Between(-by, by));

    /// <summary>From this colour to another as t goes from 0 to 1.</summary>
    public Colour Mix(Colour other, double t) => new(Curve.Mix(Red, other.Red, t), Curve.Mix(Green, other.Green, t), Curve.Mix(Blue, other.Blue, t));

    /// <summary>Covers a pixel: 0 leaves it, 1 replaces it. A gray pixel takes the mean.</summary>
    public void Cover(Span<float> pixel, double coverage)
    {
        if (pixel.Length == 1)
        {
            pixel[0] = (float)Curve.Mix(pixel[0], (Red + Green + Blue) / 3, coverage);
            return;
        }
        pixel[0] = (float)Curve.Mix(pixel[0], Red, coverage);
        pixel[1] = (float)Curve.Mix(pixel[1], Green, coverage);
        pixel[2] = (float)Curve.Mix(pixel[2], Blue, coverage);
    }
}
