namespace MeLo.Edge.Phantoms;

/// <summary>A mammogram: the chest wall on one edge of the picture, the nipple towards the other.</summary>
internal sealed class MammogramPhantom() : Phantom("breast-mass", isColour: false, "none", "benign", "malignant")
{
    private protected override Picture Draw(SeededRandom random, int label, int width, int height)
    {
        double density = random.Between(0, 1);
        bool isMirrored = random.Chance(0.5);
        Frame frame = new(0.5 + random.Between(-0.02, 0.02), 0.5 + random.Between(-0.04, 0.04), random.Between(0.92, 1.06), random.Between(-0.015, 0.015), isMirrored);
        Breast breast = new(random.Fork(), density);
        SeededRandom finding = random.Fork();
        return Draw(random, breast, label == 0 ? null : new BreastMass(finding, breast, isSpiculated: label == 2, strength: 1.8), frame, width, height);
    }

    /// <param name="random">What varies besides the breast.</param>
    /// <param name="breast">The breast.</param>
    /// <param name="mass">What is in it; null for nothing.</param>
    /// <param name="frame">What of it is seen.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    internal static Picture Draw(SeededRandom random, Breast breast, BreastMass? mass, Frame frame, int width, int height)
    {
        Detector detector = Detector.Panel(random.Fork());
        Canvas canvas = new(width, height, 1, frame);
        breast.Draw(canvas);
        mass?.Draw(canvas);
        detector.Take(canvas);
        return canvas.ToPicture();
    }
}
