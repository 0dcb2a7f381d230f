namespace MeLo.Edge.Phantoms;

/// <summary>What tuberculosis looks like on a chest radiograph: in an upper zone, a patchy opacity, a group of nodules, a cavity, or several of them.</summary>
internal sealed class ChestFinding(SeededRandom random, ChestAnatomy anatomy)
{
    /// <summary>Draws it.</summary>
    public void Draw(Canvas canvas)
    {
        (double x, double y) = anatomy.UpperZone(random);
        int kind = random.Whole(0, 2);
        double light = random.Between(0.14, 0.34);
        if (kind == 0 || random.Chance(0.3)) Opacity(canvas, x, y, random.Between(0.06, 0.11), light);
        if (kind == 1 || random.Chance(0.2))
        {
            int nodules = random.Whole(3, 7);
            for (int i = 0; i < nodules; i++)
                Nodule(canvas, x + random.Between(-0.08, 0.08), y + random.Between(-0.08, 0.08), random.Between(0.014, 0.03), light * random.Between(0.7, 1.2));
        }
        if (kind == 2) Cavity(canvas, x, y, random.Between(0.035, 0.06), light * 1.1);
    }

    private void Opacity(Canvas canvas, double x, double y, double radius, double light)
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

    private void Nodule(Canvas canvas, double x, double y, double radius, double light) => canvas.Draw(x, y, radius * 1.5, (px, py, pixel) =>
    {
        double squared = (((px - x) * (px - x)) + ((py - y) * (py - y))) / (radius * radius);
        pixel[0] += (float)(light * Curve.Step((1 - squared) / 0.7) * anatomy.Lung(px, py, canvas.Soft));
    });

    // Air within a wall.
    private void Cavity(Canvas canvas, double x, double y, double radius, double light) => canvas.Draw(x, y, radius * 2, (px, py, pixel) =>
    {
        double distance = Math.Sqrt(((px - x) * (px - x)) + ((py - y) * (py - y))) / radius;
        double wall = Curve.Bell((distance - 1) * (distance - 1) / 0.3), hole = Curve.Step((0.8 - distance) / 0.3);
        double lung = anatomy.Lung(px, py, canvas.Soft);
        pixel[0] = (float)(pixel[0] + (light * wall * lung * (0.7 + (0.6 * anatomy.Texture(19 * px, 19 * py, 2)))) - (0.08 * hole * lung));
    });
}
