namespace MeLo.Edge.Phantoms;

/// <summary>
/// A frontal chest radiograph: air is dark, bone bright, the heart on the picture's right. A point's <c>side</c> is its distance from the
/// midline, to whichever side.
/// </summary>
internal sealed class ChestPhantom() : Phantom("tuberculosis", isColour: false, "normal", "tuberculosis")
{
    private protected override Picture Draw(SeededRandom random, int label, int width, int height) =>
        Draw(random, label, width, height, new Frame(0.5 + random.Between(-0.06, 0.06), 0.5 + random.Between(-0.06, 0.06), random.Between(0.84, 1.14), random.Between(-0.02, 0.02), isMirrored: false));

    internal static Picture Draw(SeededRandom random, int label, int width, int height, Frame frame)
    {
        ChestAnatomy anatomy = new(random.Fork());
        SeededRandom clutter = random.Fork(), finding = random.Fork();
        Detector detector = Detector.Panel(random.Fork());
        Canvas canvas = new(width, height, 1, frame);
        anatomy.DrawTissue(canvas);
        anatomy.DrawBones(canvas);
        if (label == 1) new ChestFinding(finding, anatomy).Draw(canvas);
        DrawElectrodes(canvas, clutter);
        detector.Take(canvas);
        return canvas.ToPicture();
    }

    // Round, small and bright, in ill people and well ones.
    private static void DrawElectrodes(Canvas canvas, SeededRandom random)
    {
        int count = random.Chance(0.5) ? random.Whole(1, 3) : 0;
        for (int i = 0; i < count; i++)
        {
            double x = random.Between(0.12, 0.88), y = random.Between(0.1, 0.8), radius = random.Between(0.012, 0.02), light = random.Between(0.15, 0.4);
            canvas.Draw(x, y, radius + canvas.Soft, (px, py, pixel) =>
            {
                double distance = Math.Sqrt(((px - x) * (px - x)) + ((py - y) * (py - y)));
                pixel[0] += (float)(light * Curve.Step((radius - distance) / canvas.Soft));
            });
        }
    }
}
