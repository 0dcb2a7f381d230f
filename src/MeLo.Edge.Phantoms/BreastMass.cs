namespace MeLo.Edge.Phantoms;

/// <summary>A mass in a breast: round and smooth, or irregular with spicules that pull at what is around.</summary>
internal sealed class BreastMass
{
    private readonly Breast _breast;
    private readonly double _x, _y, _radius, _light, _flat, _cos, _sin;
    private readonly (double X, double Y, double Length, double Width)[] _spicules; // directions, and lengths in radii
    private readonly Noise _noise;

    /// <param name="random">What varies.</param>
    /// <param name="breast">Where it is.</param>
    /// <param name="isSpiculated">Whether it is irregular.</param>
    /// <param name="strength">How plain it is.</param>
    public BreastMass(SeededRandom random, Breast breast, bool isSpiculated, double strength)
    {
        _breast = breast;
        (_x, _y) = breast.Within(random);
        _radius = random.Between(0.06, 0.095);
        _light = strength * random.Between(0.17, 0.32);
        _flat = random.Between(1, 1.35);
        double turns = random.Unit();
        (_cos, _sin) = (Curve.Cos(turns), Curve.Sin(turns));
        _noise = new Noise(random.Next());
        _spicules = new (double, double, double, double)[isSpiculated ? random.Whole(9, 15) : 0];
        for (int i = 0; i < _spicules.Length; i++)
        {
            double angle = (i + random.Between(-0.3, 0.3)) / _spicules.Length;
            _spicules[i] = (Curve.Cos(angle), Curve.Sin(angle), random.Between(1.4, 2.5), random.Between(0.1, 0.17));
        }
    }

    /// <summary>Its middle.</summary>
    public (double X, double Y) Place => (_x, _y);

    /// <summary>Draws it.</summary>
    public void Draw(Canvas canvas) => canvas.Draw(_x, _y, 2.7 * _radius, (px, py, pixel) =>
    {
        double x = (px - _x) / _radius, y = (py - _y) / _radius, soft = canvas.Soft / _radius;
        double mass = _spicules.Length == 0 ? Smooth(x, y, soft) : Spiculated(x, y, soft);
        mass *= 0.85 + (0.3 * _breast.Texture(25 * px, 25 * py, 2));
        // It hides what is behind it only in part.
        pixel[0] += (float)(_light * mass * Curve.Step((_breast.Thickness(px, py) - 0.3) / 0.3));
    });

    private double Smooth(double x, double y, double soft)
    {
        double along = ((x * _cos) + (y * _sin)) / _flat, across = ((y * _cos) - (x * _sin)) * _flat;
        double distance = Math.Sqrt((along * along) + (across * across));
        double halo = 0.18 * Curve.Bell((distance - 1.2) * (distance - 1.2) / 0.04); // a thin dark rim of fat
        return (Curve.Step((1 - distance) / Math.Max(0.1, soft)) * (0.85 + (0.25 * Math.Sqrt(Math.Max(0, 1 - (distance * distance)))))) - halo;
    }

    private double Spiculated(double x, double y, double soft)
    {
        double distance = Math.Sqrt((x * x) + (y * y)) + 1e-9;
        double edge = 0.9 + (0.75 * (_noise.Fractal(2.2 * x / distance, (2.2 * y / distance) + (0.3 * distance), 3) - 0.5));
        double core = Curve.Step((edge - distance) / Math.Max(0.35, soft));
        double best = 0;
        foreach ((double dx, double dy, double length, double width) in _spicules)
        {
            double along = (x * dx) + (y * dy);
            if (along <= 0 || along > length) continue;
            double taper = 1 - (along / length), half = width * (0.25 + (0.75 * taper));
            double off = Math.Abs((y * dx) - (x * dy) + (0.25 * (_noise.At((2 * along) + (9 * dx), 9 * dy) - 0.5)));
            best = Math.Max(best, Curve.Step((half - off) / Math.Max(0.06, soft)) * Math.Min(1, 1.3 * taper));
        }
        return Math.Max(core, 0.6 * best);
    }
}
