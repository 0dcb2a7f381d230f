namespace MeLo.Edge.Phantoms;

/// <summary>One person's chest.</summary>
internal sealed class ChestAnatomy
{
    private const double Midline = 0.5;

    private readonly double _apex, _base, _halfWidth, _dome, _hilum, _lungLight, _bodyLight, _boneLight, _ribWidth, _ribDrop, _ribGap, _texture;
    private readonly double _heartX, _heartY, _heartWidth, _heartHeight, _heartTilt, _breast, _breastY, _shoulder, _clavicle;
    private readonly Noise _noise;

    public ChestAnatomy(SeededRandom random)
    {
        _apex = random.Between(0.07, 0.12);
        _base = random.Between(0.74, 0.84);
        _halfWidth = random.Between(0.36, 0.42);
        _dome = random.Between(0.05, 0.1);
        _hilum = random.Between(0.40, 0.46);
        _lungLight = random.Between(0.1, 0.24);
        _bodyLight = random.Between(0.48, 0.62);
        _boneLight = random.Between(0.06, 0.17);
        _ribWidth = random.Between(0.011, 0.016);
        _ribDrop = random.Between(0.1, 0.17);
        _ribGap = random.Between(0.075, 0.09);
        _texture = random.Between(0.1, 0.28);
        _heartX = random.Between(0.035, 0.07);
        _heartY = random.Between(0.6, 0.66);
        _heartWidth = random.Between(0.13, 0.18);
        _heartHeight = random.Between(0.15, 0.2);
        _heartTilt = random.Between(0.03, 0.1);
        _breast = random.Chance(0.5) ? random.Between(0.03, 0.14) : 0;
        _breastY = random.Between(0.6, 0.72);
        _shoulder = random.Between(0.2, 0.32);
        _clavicle = random.Between(0.13, 0.18);
        _noise = new Noise(random.Next());
    }

    /// <summary>A place in the upper zone of a lung.</summary>
    public (double X, double Y) Upper(SeededRandom random) => Below(random, 0.06, 0.28);

    /// <summary>A place in the lower zone of a lung.</summary>
    public (double X, double Y) Lower(SeededRandom random) => Below(random, 0.36, 0.56);

    /// <summary>A place at the base of a lung.</summary>
    public (double X, double Y) Base(SeededRandom random) => Below(random, 0.44, 0.56);

    // So far below the apex.
    private (double X, double Y) Below(SeededRandom random, double least, double most)
    {
        double y = _apex + random.Between(least, most);
        return (Midline + (random.Sign() * random.Between(0.1, Lateral(y) - 0.05)), y);
    }

    /// <summary>How much of a lung is at a point: 0 outside, 1 inside.</summary>
    public double Lung(double x, double y, double soft)
    {
        double side = Math.Abs(x - Midline), edge = Math.Max(soft, 0.012);
        double inside = Curve.Step((Lateral(y) - side) / edge) * Curve.Step((Diaphragm(x) - y) / edge);
        return inside == 0 ? 0 : inside * Curve.Step((side - Medial(x, y)) / edge);
    }

    /// <summary>Fractal noise that is this person's.</summary>
    public double Texture(double x, double y, int octaves) => _noise.Fractal(x, y, octaves);

    /// <summary>Soft tissue, lungs and heart.</summary>
    public void DrawTissue(Canvas canvas) => canvas.Draw((x, y, pixel) =>
    {
        double side = Math.Abs(x - Midline);
        double outline = Curve.Step((y - (_shoulder * Math.Max(0, side - 0.13)) - 0.0) / 0.02);
        double light = _bodyLight + (0.14 * _noise.Fractal(5 * x, 5 * y, 3)) - 0.07;
        light += 0.12 * Curve.Step((y - Diaphragm(x)) / 0.05); // liver and stomach
        light += 0.09 * Curve.Bell(side * side / 0.02); // spine and mediastinum
        double lung = Lung(x, y, canvas.Soft);
        if (lung > 0)
        {
            double air = _lungLight + Vessels(x, y, side);
            double breast = _breast * Curve.Bell((((side - 0.24) * (side - 0.24)) / 0.03) + (((y - _breastY) * (y - _breastY)) / 0.03));
            light = Curve.Mix(light, air + breast, lung);
        }
        light = Curve.Mix(light, Math.Max(light, 0.72), 0.85 * Heart(x, y));
        if (y < 0.34) light -= 0.13 * Curve.Bell((x - Midline) * (x - Midline) / 0.0012); // trachea
        pixel[0] = (float)(outline * light);
    });

    /// <summary>Spine, ribs, clavicles.</summary>
    public void DrawBones(Canvas canvas)
    {
        canvas.Draw(Midline - 0.07, 0, Midline + 0.07, 1, (x, y, pixel) =>
        {
            double side = Math.Abs(x - Midline), phase = (y / 0.062) - Math.Floor(y / 0.062);
            double disc = Curve.Step((Math.Abs(phase - 0.5) - 0.42) / 0.08); // the gaps between vertebrae
            double vertebra = Curve.Step((0.042 - side) / Math.Max(0.008, canvas.Soft)) * (1 - (0.8 * disc));
            pixel[0] += (float)(0.6 * _boneLight * vertebra);
        });
        for (int rib = 0; rib < 9; rib++)
        {
            double start = _apex + 0.005 + (rib * _ribGap);
            DrawRib(canvas, _boneLight, side => start - (0.06 * side) + (_ribDrop * side * side / (_halfWidth * _halfWidth)));
        }
        for (int rib = 1; rib < 6; rib++)
        {
            double end = _apex + 0.16 + (rib * _ribGap * 1.15);
            DrawRib(canvas, 0.5 * _boneLight, side => end - (0.45 * (side - 0.1)) + (0.35 * side * side)); // in front they come down towards the middle
        }
        DrawRib(canvas, 0.9 * _boneLight, side => _clavicle + 0.03 - (0.28 * side) + (0.25 * side * side));
    }

    private void DrawRib(Canvas canvas, double light, Func<double, double> course)
    {
        double[] heights = [.. Enumerable.Range(1, 9).Select(i => course(0.05 * i))];
        double reach = (2 * _ribWidth) + canvas.Soft;
        canvas.Draw(Midline - _halfWidth, heights.Min() - reach, Midline + _halfWidth, heights.Max() + reach, (x, y, pixel) =>
        {
            double side = Math.Abs(x - Midline);
            if (side < 0.05) return;
            double middle = course(side), slope = (course(side + 0.01) - middle) / 0.01;
            double distance = Math.Abs(y - middle) / Math.Sqrt(1 + (slope * slope));
            double edge = Math.Max(0.004, canvas.Soft);
            if (distance > _ribWidth + edge) return;
            double shape = Curve.Step((_ribWidth - distance) / edge) * (0.7 + (0.3 * distance / _ribWidth)); // the cortex is denser
            double end = Curve.Step((Lateral(y) + 0.015 - side) / 0.01) * Curve.Step((side - 0.07) / 0.02) * (1 - (0.75 * Curve.Step((y - Diaphragm(x)) / 0.02)));
            pixel[0] += (float)(light * shape * end);
        });
    }

    // The lung's outer edge: narrow and round at the apex.
    private double Lateral(double y)
    {
        double t = (y - _apex) / (_base - _apex);
        if (t <= 0) return 0;
        double open = 1 - Math.Min(t, 1);
        double round = Math.Min(1, t / 0.12);
        return _halfWidth * (1 - (0.55 * open * open * open)) * Math.Sqrt(round * (2 - round));
    }

    private double Medial(double x, double y)
    {
        double knob = x > Midline ? 0.04 * Curve.Bell((y - 0.3) * (y - 0.3) / 0.004) : 0; // the arch of the aorta
        double hilum = 0.03 * Curve.Bell((y - _hilum) * (y - _hilum) / 0.02);
        return 0.055 + knob + hilum + (0.02 * y);
    }

    private double Diaphragm(double x)
    {
        double side = Math.Abs(x - Midline), off = (side - 0.19) / 0.2;
        return _base + (x > Midline ? 0.02 : 0) - _dome + (_dome * off * off * 1.4);
    }

    private double Heart(double x, double y)
    {
        double right = x - Midline - _heartX - (_heartTilt * (y - _heartY) / 0.2), down = y - _heartY;
        double squared = (right * right / (_heartWidth * _heartWidth)) + (down * down / (_heartHeight * _heartHeight));
        return Curve.Step((1 - squared) / 0.18);
    }

    // Ridges of noise, stronger towards the hilum.
    private double Vessels(double x, double y, double side)
    {
        double away = Math.Sqrt(((side - 0.08) * (side - 0.08)) + ((y - _hilum) * (y - _hilum)));
        double ridge = 1 - Math.Abs((2 * _noise.Fractal(14 * x, 14 * y, 3)) - 1);
        return _texture * ((ridge * ridge * Math.Max(0, 1 - (away / 0.42))) + (0.5 * _noise.At(31 * x, 31 * y)) - 0.25);
    }
}
