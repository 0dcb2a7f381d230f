namespace MeLo.Edge.Phantoms;

/// <summary>
/// A frontal chest radiograph: air is dark, bone bright, the heart on the picture's right. A point's <c>side</c> is its distance from the
/// midline, to whichever side.
/// </summary>
internal sealed class ChestPhantom() : Phantom("tuberculosis", isColour: false, "normal", "tuberculosis")
{
    private protected override Picture Draw(SeededRandom random, int label, int width, int height)
    {
        Frame frame = new(0.5 + random.Between(-0.06, 0.06), 0.5 + random.Between(-0.06, 0.06), random.Between(0.84, 1.14), random.Between(-0.02, 0.02), isMirrored: false);
        ChestAnatomy anatomy = new(random.Fork());
        SeededRandom basal = random.Fork();
        return Draw(
            random, anatomy, (canvas, ill) =>
            {
                // So that a bright patch is no answer by itself: where it is counts, as it does for a radiologist.
                if (basal.Chance(0.5)) ChestFinding.Basal(basal, anatomy).DrawBenign(canvas);
                if (label == 1) ChestFinding.OfTuberculosis(ill, anatomy).Draw(canvas);
            },
            frame, width, height);
    }

    /// <param name="random">What varies besides the person.</param>
    /// <param name="anatomy">The person.</param>
    /// <param name="finding">Draws what is in the lungs; null for nothing.</param>
    /// <param name="frame">What of the chest is seen.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    internal static Picture Draw(SeededRandom random, ChestAnatomy anatomy, Action<Canvas, SeededRandom>? finding, Frame frame, int width, int height)
    {
        SeededRandom clutter = random.Fork(), ill = random.Fork();
        Detector detector = Detector.Panel(random.Fork());
        Canvas canvas = new(width, height, 1, frame);
        anatomy.DrawTissue(canvas);
        anatomy.DrawBones(canvas);
        finding?.Invoke(canvas, ill);
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
