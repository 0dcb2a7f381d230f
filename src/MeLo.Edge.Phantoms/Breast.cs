namespace MeLo.Edge.Phantoms;

/// <summary>One breast, seen from the side: the chest wall at x = 0.</summary>
internal sealed class Breast
{
    private readonly double _depth, _height, _middle, _nippleY, _density, _fat, _gland, _muscle, _strands;
    private readonly Noise _noise;

    /// <summary>Makes one.</summary>
    /// <param name="random">What varies.</param>
    /// <param name="density">0 fatty, 1 dense.</param>
    public Breast(SeededRandom random, double density)
    {
        _density = density;
        _depth = random.Between(0.5, 0.76);
        _height = random.Between(0.42, 0.52);
        _middle = random.Between(0.5, 0.56);
        _nippleY = _middle + random.Between(-0.03, 0.1);
        _fat = random.Between(0.22, 0.34);
        _gland = random.Between(0.25, 0.4);
        _muscle = random.Chance(0.7) ? random.Between(0.18, 0.36) : 0;
        _strands = random.Between(0.03, 0.09);
        _noise = new Noise(random.Next());
    }

    /// <summary>A place well within the breast.</summary>
    public (double X, double Y) Within(SeededRandom random)
    {
        double away = random.Between(0.1, 0.62), turns = random.Between(-0.22, 0.22);
        return (0.06 + (_depth * away * Curve.Cos(turns)), _middle + (_height * away * Curve.Sin(turns)));
    }

    /// <summary>Fractal noise that is this breast's.</summary>
    public double Texture(double x, double y, int octaves) => _noise.Fractal(x, y, octaves);

    /// <summary>How much of the breast is at a point: 0 outside, 1 inside; the edge is thin, and so darker.</summary>
    public double Thickness(double x, double y)
    {
        double depth = 1 - Radius(x, y);
        return depth <= 0 ? 0 : Math.Min(1, Math.Sqrt(depth / 0.22));
    }

    /// <summary>Draws skin, fat, glands and muscle.</summary>
    public void Draw(Canvas canvas) => canvas.Draw((x, y, pixel) =>
    {
        double radius = Radius(x, y), edge = Math.Max(0.012, canvas.Soft / _depth);
        double inside = Curve.Step((1 - radius) / edge);
        if (inside == 0)
        {
            pixel[0] = 0.02f;
            return;
        }
        double light = _fat + (0.1 * (_noise.Fractal(8 * x, 8 * y, 3) - 0.5)) + (_gland * Gland(x, y, radius)) + Strands(x, y);
        light *= 0.25 + (0.75 * Thickness(x, y));
        light += 0.16 * Curve.Bell((radius - 0.985) * (radius - 0.985) / 0.0009); // skin
        double muscle = _muscle > 0 ? Curve.Step((1 - (x / _muscle) - (y / (1.9 * _muscle))) / 0.05) : 0;
        light = Curve.Mix(light, Math.Max(light, 0.6 + (0.1 * _noise.Fractal(30 * x, 6 * y, 2))), 0.85 * muscle);
        double right = x - _depth, down = y - _nippleY;
        light += 0.2 * Curve.Bell(((right * right) + (down * down)) / 0.0009); // nipple
        pixel[0] = (float)(inside * light);
    });

    // 0 in the middle of the chest wall, 1 at the skin.
    private double Radius(double x, double y)
    {
        double right = Math.Max(0, x) / _depth, down = (y - _middle) / _height;
        // Fuller below, as gravity has it.
        down *= down < 0 ? 1.04 + (0.15 * right) : 0.97;
        double square = (right * right) + (down * down);
        return Math.Sqrt(square * (0.85 + (0.15 * square))); // blunter than an ellipse
    }

    // Lobes of glandular tissue, in a fan behind the nipple.
    private double Gland(double x, double y, double radius)
    {
        double right = (x - (0.62 * _depth)) / (0.42 * _depth), down = (y - _nippleY) / (0.75 * _height);
        double fan = 1.2 - ((right * right) + (down * down));
        double lobes = _noise.Fractal((6 * x) + 50, (6 * y) + 50, 4);
        return Curve.Step((lobes - 0.62 + (0.34 * _density) + (0.12 * Math.Min(fan, 1))) / 0.16) * Curve.Step((0.9 - radius) / 0.1) * Curve.Step((fan + 0.6) / 0.8);
    }

    // Ducts and ligaments, which run towards the nipple.
    private double Strands(double x, double y)
    {
        double right = x - _depth - 0.05, down = y - _nippleY, distance = Math.Sqrt((right * right) + (down * down)) + 1e-9;
        double warp = 1.5 * _noise.At(5 * x, (5 * y) + 30);
        double ridge = 1 - Math.Abs((2 * _noise.Fractal((8 * right / distance) + (4 * distance) + warp, (8 * down / distance) + 90 + warp, 2)) - 1);
        return _strands * ((ridge * ridge * ridge) - 0.3);
    }
}
