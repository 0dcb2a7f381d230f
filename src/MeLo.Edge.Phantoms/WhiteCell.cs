namespace MeLo.Edge.Phantoms;

/// <summary>A white blood cell.</summary>
internal sealed class WhiteCell
{
    private readonly WhiteCellType _type;
    private readonly double _x, _y, _radius, _strand;
    private readonly (double X, double Y, double Radius)[] _lobes; // in radii from the middle
    private readonly (double X, double Y, double Radius) _notch;
    private readonly Noise _noise;

    /// <summary>Makes one.</summary>
    /// <param name="random">What varies.</param>
    /// <param name="type">Its type.</param>
    /// <param name="x">Its middle.</param>
    /// <param name="y">Its middle.</param>
    /// <param name="scale">The microscope's: 1 for a red cell of 0.075.</param>
    public WhiteCell(SeededRandom random, WhiteCellType type, double x, double y, double scale)
    {
        (_type, _x, _y) = (type, x, y);
        _radius = scale * random.Between(0.9, 1.1) * type switch
        {
            WhiteCellType.Lymphocyte => 0.135,
            WhiteCellType.Monocyte => 0.185,
            _ => 0.165,
        };
        double turn = random.Unit();
        _strand = type is WhiteCellType.Neutrophil or WhiteCellType.Eosinophil ? 0.07 : 0;
        _lobes = type switch
        {
            WhiteCellType.Neutrophil => Arc(random, random.Whole(3, 5), turn, 0.46, random.Between(0.17, 0.21), 0.28),
            WhiteCellType.Eosinophil => Arc(random, 2, turn, 0.4, random.Between(0.36, 0.46), 0.34),
            WhiteCellType.Lymphocyte => [(random.Between(-0.1, 0.1), random.Between(-0.1, 0.1), random.Between(0.74, 0.84))],
            _ => [(0.12 * Curve.Cos(turn), 0.12 * Curve.Sin(turn), random.Between(0.6, 0.72))],
        };
        if (type == WhiteCellType.Monocyte) _notch = (-0.58 * Curve.Cos(turn), -0.58 * Curve.Sin(turn), random.Between(0.34, 0.5));
        _noise = new Noise(random.Next());
    }

    /// <summary>Whether a disc lies on the cell.</summary>
    public bool Overlaps(double x, double y, double radius) => Math.Sqrt(((x - _x) * (x - _x)) + ((y - _y) * (y - _y))) < _radius + radius;

    /// <summary>Draws it.</summary>
    public void Draw(Canvas canvas, Stain stain) => canvas.Draw(_x, _y, (1.2 * _radius) + canvas.Soft, (px, py, pixel) =>
    {
        double x = (px - _x) / _radius, y = (py - _y) / _radius, distance = Math.Sqrt((x * x) + (y * y));
        if (distance > 1.2) return;
        double soft = Math.Max(0.05, canvas.Soft / _radius);
        double bulge = distance > 0 ? 0.2 * (_noise.At((1.6 * x / distance) + 40, (1.6 * y / distance) + 40) - 0.5) : 0;
        double cell = Curve.Step((1 + bulge - distance) / soft);
        if (cell == 0) return;
        Cytoplasm(x, y, stain).Cover(pixel, 0.93 * cell);
        double nucleus = Nucleus(x, y, soft);
        double clumps = Curve.Step((_noise.Fractal((7 * x) + 20, 7 * y, 2) - 0.5) / 0.2);
        double pale = _type switch { WhiteCellType.Monocyte => 0.5 + (0.5 * clumps), WhiteCellType.Lymphocyte => 0.15 * clumps, _ => 0.5 * clumps };
        stain.Chromatin.Mix(stain.PaleChromatin, pale).Cover(pixel, 0.97 * nucleus * cell);
    });

    private Colour Cytoplasm(double x, double y, Stain stain)
    {
        double fine = _noise.At((16 * x) + 60, 16 * y), coarse = Granules(x, y, 5.5);
        return _type switch
        {
            WhiteCellType.Eosinophil => stain.Pink.Mix(stain.Orange, coarse),
            WhiteCellType.Neutrophil => stain.Pink.Mix(stain.Lilac, 0.5 * fine * fine),
            WhiteCellType.Lymphocyte => stain.Blue,
            _ => stain.GrayBlue.Mix(stain.Ground, 0.5 * Curve.Step((_noise.At((5 * x) + 9, 5 * y) - 0.72) / 0.1)),
        };
    }

    // One granule in each cell of a lattice, off its middle: 1 on it, 0 beside it.
    private double Granules(double x, double y, double lattice)
    {
        double column = Math.Floor(x * lattice), row = Math.Floor(y * lattice), best = 0;
        for (int i = -1; i <= 1; i++)
        {
            for (int k = -1; k <= 1; k++)
            {
                double gx = column + i + 0.2 + (0.6 * _noise.At((column + i) * 1.0, ((row + k) * 1.0) + 200));
                double gy = row + k + 0.2 + (0.6 * _noise.At((column + i) * 1.0, ((row + k) * 1.0) + 400));
                double right = (x * lattice) - gx, down = (y * lattice) - gy;
                best = Math.Max(best, Curve.Step((0.42 - Math.Sqrt((right * right) + (down * down))) / 0.15));
            }
        }
        return best;
    }

    private double Nucleus(double x, double y, double soft)
    {
        double inside = double.NegativeInfinity; // the distance from the edge, positive within
        for (int i = 0; i < _lobes.Length; i++)
        {
            (double lx, double ly, double radius) = _lobes[i];
            inside = Math.Max(inside, radius - Math.Sqrt(((x - lx) * (x - lx)) + ((y - ly) * (y - ly))));
            if (i > 0 && _strand > 0) inside = Math.Max(inside, _strand - ToSegment(x, y, _lobes[i - 1], _lobes[i]));
        }
        if (_notch.Radius > 0) inside = Math.Min(inside, Math.Sqrt(((x - _notch.X) * (x - _notch.X)) + ((y - _notch.Y) * (y - _notch.Y))) - _notch.Radius);
        inside += 0.12 * (_noise.At((3 * x) + 80, 3 * y) - 0.5);
        return Curve.Step(inside / soft);
    }

    private static double ToSegment(double x, double y, (double X, double Y, double Radius) from, (double X, double Y, double Radius) to)
    {
        double dx = to.X - from.X, dy = to.Y - from.Y;
        double t = Math.Clamp((((x - from.X) * dx) + ((y - from.Y) * dy)) / ((dx * dx) + (dy * dy)), 0, 1);
        double right = x - from.X - (t * dx), down = y - from.Y - (t * dy);
        return Math.Sqrt((right * right) + (down * down));
    }

    private static (double X, double Y, double Radius)[] Arc(SeededRandom random, int count, double turn, double distance, double gap, double radius)
    {
        (double, double, double)[] lobes = new (double, double, double)[count];
        for (int i = 0; i < count; i++)
        {
            double angle = turn + (i * gap), away = distance * random.Between(0.85, 1.1);
            lobes[i] = (away * Curve.Cos(angle), away * Curve.Sin(angle), radius * random.Between(0.85, 1.15));
        }
        return lobes;
    }
}
