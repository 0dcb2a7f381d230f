namespace MeLo.Edge.Phantoms;

/// <summary>Smooth random values over the plane: a lattice of random numbers, interpolated. It repeats itself every 64 points.</summary>
internal sealed class Noise
{
    private const int Size = 64;
    private const int Wrap = Size - 1;

    private readonly float[] _lattice = new float[Size * Size];

    public Noise(ulong seed)
    {
        SeededRandom random = new(seed);
        for (int i = 0; i < _lattice.Length; i++) _lattice[i] = (float)random.Unit();
    }

    /// <summary>The value at a point, 0 to 1; the lattice's points are 1 apart.</summary>
    public double At(double x, double y)
    {
        double left = Math.Floor(x), top = Math.Floor(y);
        double tx = x - left, ty = y - top;
        tx *= tx * (3 - (2 * tx));
        ty *= ty * (3 - (2 * ty));
        int column = (int)left & Wrap, right = (column + 1) & Wrap, row = ((int)top & Wrap) * Size, below = (row + Size) & (Wrap * Size);
        return Curve.Mix(
            Curve.Mix(_lattice[row + column], _lattice[row + right], tx),
            Curve.Mix(_lattice[below + column], _lattice[below + right], tx),
            ty);
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
}
