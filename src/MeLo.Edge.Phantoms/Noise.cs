namespace MeLo.Edge.Phantoms;

/// <summary>Smooth random values over the plane: a lattice of random numbers, interpolated.</summary>
internal readonly struct Noise(ulong seed)
{
    private readonly ulong _seed = SeededRandom.Mix(seed);

    /// <summary>The value at a point, 0 to 1; the lattice's points are 1 apart.</summary>
    public double At(double x, double y)
    {
        double left = Math.Floor(x), top = Math.Floor(y);
        double tx = x - left, ty = y - top;
        tx *= tx * (3 - (2 * tx));
        ty *= ty * (3 - (2 * ty));
        ulong column = (ulong)(long)left * 0x9E3779B97F4A7C15, row = (ulong)(long)top * 0xD1B54A32D192ED03;
        const ulong Right = 0x9E3779B97F4A7C15, Below = 0xD1B54A32D192ED03;
        double above = Curve.Mix(Lattice(column + row), Lattice(column + Right + row), tx);
        double below = Curve.Mix(Lattice(column + row + Below), Lattice(column + Right + row + Below), tx);
        return Curve.Mix(above, below, ty);
    }

    /// <summary>Octaves, each twice as fine and half as strong as the one before: 0 to 1, with 0.5 in the middle.</summary>
    public double Fractal(double x, double y, int octaves)
    {
        double sum = 0, weight = 1, all = 0;
        for (int i = 0; i < octaves; i++)
        {
            sum += weight * At(x, y);
            all += weight;
            weight /= 2;
            (x, y) = ((2 * x) + 17.3, (2 * y) - 9.1); // lattices that do not lie on one another
        }
        return sum / all;
    }

    private double Lattice(ulong point) => (SeededRandom.Mix(point ^ _seed) >> 40) * (1.0 / (1 << 24));
}
