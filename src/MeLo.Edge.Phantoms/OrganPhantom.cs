namespace MeLo.Edge.Phantoms;

/// <summary>
/// A blob in three dimensions that looks a little like an adrenal gland: limbs that meet in a ridge, with a mass on one of them or without.
/// How thick and long the limbs are varies, so that the number of bright voxels says little.
/// </summary>
public static class OrganPhantom
{
    /// <summary>The task's name.</summary>
    public const string Name = "organ-mass";

    /// <summary>The classes, by index.</summary>
    public static IReadOnlyList<string> Labels { get; } = ["normal", "mass"];

    /// <summary>Draws a volume; what was said of <see cref="Phantom"/> holds for it too.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="label">0: normal; 1: with a mass.</param>
    /// <param name="size">Voxels along each edge.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such label, or the size is not positive.</exception>
    public static Volume Draw(ulong seed, int label, int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(label);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(label, Labels.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        SeededRandom random = new(SeededRandom.Mix(seed));
        Limb[] limbs = Limbs(random.Fork());
        SeededRandom finding = random.Fork(), scan = random.Fork();
        Limb host = limbs[finding.Whole(0, limbs.Length - 1)];
        (double X, double Y, double Z) mass = host.At(finding.Between(0.35, 1));
        double massRadius = label == 1 ? finding.Between(0.1, 0.15) : 0;
        double light = scan.Between(120, 220), ground = scan.Between(5, 50), grain = scan.Between(5, 40), soft = Math.Max(0.02, 0.75 / size);

        byte[] voxels = new byte[size * size * size];
        int at = 0;
        for (int slice = 0; slice < size; slice++)
            for (int row = 0; row < size; row++)
                for (int column = 0; column < size; column++)
                {
                    double x = (column + 0.5) / size, y = (row + 0.5) / size, z = (slice + 0.5) / size;
                    double inside = massRadius - Math.Sqrt(Square(x - mass.X) + Square(y - mass.Y) + Square(z - mass.Z));
                    foreach (Limb limb in limbs) inside = Math.Max(inside, limb.Inside(x, y, z));
                    double value = ground + ((light - ground) * Curve.Step(inside / soft)) + (grain * (scan.Unit() + scan.Unit() - 1));
                    voxels[at++] = (byte)Math.Clamp(value, 0, byte.MaxValue);
                }
        return new Volume(size, voxels);
    }

    private static double Square(double x) => x * x;

    // Three limbs from a point near the middle, in a plane that lies a little askew.
    private static Limb[] Limbs(SeededRandom random)
    {
        double x = random.Between(0.36, 0.64), y = random.Between(0.36, 0.64), z = random.Between(0.36, 0.64), turn = random.Unit();
        double thick = random.Between(0.045, 0.09), opening = random.Between(0.08, 0.17);
        double[] angles = [turn - opening, turn + opening, turn + 0.5 + random.Between(-0.05, 0.05)];
        return [.. angles.Select(angle =>
        {
            double length = random.Between(0.2, 0.36);
            return new Limb(x, y, z, length * Curve.Cos(angle), length * Curve.Sin(angle), random.Between(-0.14, 0.14), thick * random.Between(0.85, 1.15));
        })];
    }

    // A capsule, thinner towards its end.
    private readonly record struct Limb(double X, double Y, double Z, double AlongX, double AlongY, double AlongZ, double Radius)
    {
        public (double X, double Y, double Z) At(double t) => (X + (t * AlongX), Y + (t * AlongY), Z + (t * AlongZ));

        public double Inside(double x, double y, double z)
        {
            double t = Math.Clamp((((x - X) * AlongX) + ((y - Y) * AlongY) + ((z - Z) * AlongZ)) / (Square(AlongX) + Square(AlongY) + Square(AlongZ)), 0, 1);
            (double px, double py, double pz) = At(t);
            return (Radius * (1.1 - (0.5 * t))) - Math.Sqrt(Square(x - px) + Square(y - py) + Square(z - pz));
        }
    }
}
