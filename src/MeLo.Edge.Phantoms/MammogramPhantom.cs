namespace MeLo.Edge.Phantoms;

/// <summary>A mammogram: the chest wall on one edge of the picture, the nipple towards the other.</summary>
internal sealed class MammogramPhantom() : Phantom("breast-mass", isColour: false, "none", "benign", "malignant")
{
    private protected override Picture Draw(SeededRandom random, int label, int width, int height) =>
        Draw(random, label, random.Between(0, 1), random.Chance(0.5), width, height);

    /// <param name="random">What varies.</param>
    /// <param name="label">0: no mass; 1: a benign one; 2: a malignant one.</param>
    /// <param name="density">How much of the breast is glandular: 0 fatty, 1 dense.</param>
    /// <param name="isMirrored">False for the chest wall on the left.</param>
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    internal static Picture Draw(SeededRandom random, int label, double density, bool isMirrored, int width, int height)
    {
        Frame frame = new(0.5 + random.Between(-0.02, 0.02), 0.5 + random.Between(-0.04, 0.04), random.Between(0.92, 1.06), random.Between(-0.015, 0.015), isMirrored);
        Breast breast = new(random.Fork(), density);
        SeededRandom finding = random.Fork();
        Detector detector = Detector.Panel(random.Fork());
        Canvas canvas = new(width, height, 1, frame);
        breast.Draw(canvas);
        if (label > 0) new BreastMass(finding, breast, isSpiculated: label == 2).Draw(canvas);
        detector.Take(canvas);
        return canvas.ToPicture();
    }
}
