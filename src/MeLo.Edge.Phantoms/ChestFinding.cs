namespace MeLo.Edge.Phantoms;

/// <summary>What a lung can have.</summary>
internal enum ChestFindingKind
{
    /// <summary>A patch of less air.</summary>
    Opacity,

    /// <summary>Several small round ones.</summary>
    Nodules,

    /// <summary>Air within a wall.</summary>
    Cavity,
}

/// <summary>Something at a place in a lung that should not be there.</summary>
internal sealed class ChestFinding(SeededRandom random, ChestAnatomy anatomy, double x, double y)
{
    /// <summary>Where tuberculosis is: in an upper zone.</summary>
    public static ChestFinding OfTuberculosis(SeededRandom random, ChestAnatomy anatomy)
    {
        (double x, double y) = anatomy.Upper(random);
        return new ChestFinding(random, anatomy, x, y);
    }

    /// <summary>Where well people have shadows too: at the base of a lung.</summary>
    public static ChestFinding Basal(SeededRandom random, ChestAnatomy anatomy)
    {
        (double x, double y) = anatomy.Base(random);
        return new ChestFinding(random, anatomy, x, y);
    }

    /// <summary>Draws what is no tuberculosis: a part of the lung that a shallow breath did not fill (atelectasis), or the shadow of a nipple.</summary>
    public void DrawBenign(Canvas canvas)
    {
        double light = random.Between(0.14, 0.34);
        if (random.Chance(0.5)) Opacity(canvas, random.Between(0.06, 0.11), light);
        else Nodule(canvas, x, y, random.Between(0.02, 0.035), light);
    }

    /// <summary>Draws what tuberculosis looks like: a patchy opacity, a group of nodules, a cavity, or several of them.</summary>
    public void Draw(Canvas canvas)
    {
        int kind = random.Whole(0, 2);
        double light = random.Between(0.14, 0.34);
        if (kind == 0 || random.Chance(0.3)) Opacity(canvas, random.Between(0.06, 0.11), light);
        if (kind == 1 || random.Chance(0.2)) Nodules(canvas, light);
        if (kind == 2) Cavity(canvas, random.Between(0.035, 0.06), light * 1.1);
    }

    /// <summary>Draws one kind, faint or plain.</summary>
    public void Draw(Canvas canvas, ChestFindingKind kind)
    {
        double light = random.Between(0.2, 0.6);
        if (kind == ChestFindingKind.Opacity) Opacity(canvas, random.Between(0.08, 0.16), light);
        else if (kind == ChestFindingKind.Nodules) Nodules(canvas, light);
        else Cavity(canvas, random.Between(0.045, 0.085), light);
    }

    private void Nodules(Canvas canvas, double light)
    {
        int nodules = random.Whole(3, 7);
        for (int i = 0; i < nodules; i++)
            Nodule(canvas, x + random.Between(-0.08, 0.08), y + random.Between(-0.08, 0.08), random.Between(0.014, 0.03), light * random.Between(0.7, 1.2));
    }

    private void Opacity(Canvas canvas, double radius, double light)
    {
        double flat = random.Between(0.6, 1.4);
        canvas.Draw(x, y, radius * 1.5, (px, py, pixel) =>
        {
            double right = px - x, down = (py - y) * flat;
            double bell = Curve.Bell(((right * right) + (down * down)) / (radius * radius * 2));
            double patches = Curve.Step((anatomy.Texture(23 * px, 23 * py, 3) - 0.42) / 0.18);
            pixel[0] += (float)(light * bell * (0.35 + (0.9 * patches)) * anatomy.Lung(px, py, canvas.Soft));
        });
    }

    private void Nodule(Canvas canvas, double nx, double ny, double radius, double light) => canvas.Draw(nx, ny, radius * 1.5, (px, py, pixel) =>
    {
        double squared = (((px - nx) * (px - nx)) + ((py - ny) * (py - ny))) / (radius * radius);
        pixel[0] += (float)(light * Curve.Step((1 - squared) / 0.7) * anatomy.Lung(px, py, canvas.Soft));
    });

    // Air within a wall.
    private void Cavity(Canvas canvas, double radius, double light) => canvas.Draw(x, y, radius * 2, (px, py, pixel) =>
    {
        double distance = Math.Sqrt(((px - x) * (px - x)) + ((py - y) * (py - y))) / radius;
        double wall = Curve.Bell((distance - 1) * (distance - 1) / 0.3), hole = Curve.Step((0.8 - distance) / 0.3);
        double lung = anatomy.Lung(px, py, canvas.Soft);
        pixel[0] = (float)(pixel[0] + (light * wall * lung * (0.7 + (0.6 * anatomy.Texture(19 * px, 19 * py, 2)))) - (0.08 * hole * lung));
    });
}
