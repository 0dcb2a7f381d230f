namespace MeLo.Edge.Phantoms;

/// <summary>A stained blood smear under the microscope: red cells, and one white cell near the middle.</summary>
internal sealed class SmearPhantom() : Phantom("blood-cell", isColour: true, "eosinophil", "lymphocyte", "monocyte", "neutrophil")
{
    private protected override Picture Draw(SeededRandom random, int label, int width, int height) =>
        Draw(random, (WhiteCellType)label, random.Whole(12, 36), random.Between(0, 0.25), width, height);

    /// <param name="random">What varies.</param>
    /// <param name="type">The white cell's type.</param>
    /// <param name="redCells">How many red cells.</param>
    /// <param name="elongation">How long the red cells are: 0 for discs, 1 for twice as long as wide.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    internal static Picture Draw(SeededRandom random, WhiteCellType type, int redCells, double elongation, int width, int height)
    {
        SeededRandom field = random.Fork(), cell = random.Fork();
        Detector detector = Detector.Camera(random.Fork());
        double scale = field.Between(0.75, 1.35);
        Stain stain = new(field);
        Canvas canvas = new(width, height, 3, Frame.Whole);
        Noise unevenness = new(field.Next());
        canvas.Draw((x, y, pixel) => stain.Ground.Mix(stain.Plasma, 0.5 * unevenness.Fractal(3 * x, 3 * y, 2)).Cover(pixel, 1));
        WhiteCell white = new(cell, type, 0.5 + field.Between(-0.2, 0.2), 0.5 + field.Between(-0.2, 0.2), scale);
        for (int i = 0; i < redCells; i++)
        {
            double x = field.Between(-0.05, 1.05), y = field.Between(-0.05, 1.05), radius = scale * field.Between(0.065, 0.085);
            RedCell red = new(x, y, radius, elongation * field.Between(0.6, 1.4), field.Unit(), field.Between(0.2, 0.8));
            if (!white.Overlaps(x, y, 0.6 * radius)) red.Draw(canvas, stain);
        }
        white.Draw(canvas, stain);
        detector.Take(canvas);
        return canvas.ToPicture();
    }
}
