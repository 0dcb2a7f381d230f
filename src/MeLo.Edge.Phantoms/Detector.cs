namespace MeLo.Edge.Phantoms;

/// <summary>How a picture was taken: exposure, contrast, the tone of the film, noise. Varies so widely that brightness says nothing.</summary>
internal sealed class Detector
{
    private readonly double _gain, _black, _tone, _grain, _mottle;
    private readonly ulong _seed;

    private Detector(SeededRandom random, double exposure, double noise)
    {
        _gain = 1 + (exposure * random.Between(-0.25, 0.1));
        _black = exposure * random.Between(-0.06, 0.12);
        _tone = exposure * random.Between(-0.6, 0.6);
        _grain = noise * random.Between(0.01, 0.06);
        _mottle = noise * random.Between(0.01, 0.05);
        _seed = random.Next();
    }

    /// <summary>A flat panel that X-rays reach.</summary>
    public static Detector Panel(SeededRandom random) => new(random, 1, 1);

    /// <summary>A camera on a microscope, whose lamp is set by eye.</summary>
    public static Detector Camera(SeededRandom random) => new(random, 0.5, 0.6);

    /// <summary>Applies it to everything drawn so far.</summary>
    public void Take(Canvas canvas)
    {
        Noise mottle = new(_seed);
        ulong count = _seed;
        canvas.Draw((x, y, pixel) =>
        {
            // As a gamma curve does, without a power: brighter or darker in the middle, black and white where they were.
            double common = _mottle * (mottle.At(90 * x, 90 * y) + mottle.At(47 * x, 47 * y) - 1);
            for (int c = 0; c < pixel.Length; c++)
            {
                double v = Math.Clamp(pixel[c], 0, 1);
                v += _tone * v * (1 - v);
                ulong bits = SeededRandom.Mix(count += 0x9E3779B97F4A7C15);
                double grain = ((uint)bits + (double)(uint)(bits >> 32)) / uint.MaxValue; // two of them: a triangle around 1
                pixel[c] = (float)(_black + (_gain * v) + common + (_grain * (grain - 1)));
            }
        });
    }
}
