namespace MeLo.Edge.Phantoms;

/// <summary>A red blood cell: a disc, thin and so pale in the middle.</summary>
/// <param name="X">Its middle.</param>
/// <param name="Y">Its middle.</param>
/// <param name="Radius">Across.</param>
/// <param name="Elongation">0 for a disc, 1 for twice as long as wide.</param>
/// <param name="Turns">Which way it lies.</param>
/// <param name="Pallor">How pale its middle is, 0 to 1.</param>
internal readonly record struct RedCell(double X, double Y, double Radius, double Elongation, double Turns, double Pallor)
{
    public void Draw(Canvas canvas, Stain stain)
    {
        (double x, double y, double radius, double pallor) = (X, Y, Radius, Pallor);
        double cos = Curve.Cos(Turns), sin = Curve.Sin(Turns), longer = Math.Sqrt(1 + Math.Max(0, Elongation));
        canvas.Draw(x, y, (radius * longer) + canvas.Soft, (px, py, pixel) =>
        {
            double along = (((px - x) * cos) + ((py - y) * sin)) / longer, across = (((py - y) * cos) - ((px - x) * sin)) * longer;
            double distance = Math.Sqrt((along * along) + (across * across)) / radius;
            double cover = Curve.Step((1 - distance) * radius / Math.Max(0.006, canvas.Soft));
            stain.RedCell.Cover(pixel, cover * (0.85 - (pallor * Curve.Step((0.42 - distance) / 0.28))));
        });
    }
}
