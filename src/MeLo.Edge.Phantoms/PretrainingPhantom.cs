namespace MeLo.Edge.Phantoms;

/// <summary>
/// What a base learns from before it knows of any task: the pictures of the tasks, in colour, under labels that are none of the tasks' own. Chests and breasts are seen whole or from near,
/// where a finding is easy to learn; findings in chests are of one kind at a time, in any zone, and most are plainer than those of tuberculosis; masses in breasts are not told apart; white
/// cells are drawn by chance and not named.
/// </summary>
internal sealed class PretrainingPhantom() : Phantom(
    "pretraining", isColour: true, "chest-clear", "chest-opacity", "chest-nodules", "chest-cavity", "smear-few-round", "smear-few-long", "smear-many-round", "smear-many-long",
    "mammogram-clear-fatty", "mammogram-clear-dense", "mammogram-mass-fatty", "mammogram-mass-dense")
{
    private protected override Picture Draw(SeededRandom random, int label, int width, int height)
    {
        bool first = label / 2 % 2 == 0, second = label % 2 == 0;
        return label switch
        {
            < 4 => DrawChest(random, label == 0 ? null : (ChestFindingKind)(label - 1), width, height).ToColour(),
            < 8 => SmearPhantom.Draw(random, (WhiteCellType)random.Whole(0, 3), first ? random.Whole(6, 14) : random.Whole(30, 50), second ? 0 : random.Between(0.6, 1.2), width, height),
            _ => DrawBreast(random, hasMass: !first, second ? random.Between(0, 0.25) : random.Between(0.75, 1), width, height).ToColour(),
        };
    }

    private static Picture DrawChest(SeededRandom random, ChestFindingKind? kind, int width, int height)
    {
        ChestAnatomy anatomy = new(random.Fork());
        (double x, double y) = random.Chance(0.5) ? anatomy.Upper(random) : anatomy.Lower(random);
        return ChestPhantom.Draw(
            random, anatomy, kind is { } found ? (canvas, ill) => new ChestFinding(ill, anatomy, x, y).Draw(canvas, found) : null, Around(random, x, y, isMirrored: false), width, height);
    }

    private static Picture DrawBreast(SeededRandom random, bool hasMass, double density, int width, int height)
    {
        Breast breast = new(random.Fork(), density);
        BreastMass mass = new(random.Fork(), breast, isSpiculated: random.Chance(0.5), random.Between(1, 2.5));
        return MammogramPhantom.Draw(random, breast, hasMass ? mass : null, Around(random, mass.Place.X, mass.Place.Y, isMirrored: random.Chance(0.5)), width, height);
    }

    // From a third of the drawing to all of it; the point is within the picture.
    private static Frame Around(SeededRandom random, double x, double y, bool isMirrored)
    {
        double zoom = random.Between(0.3, 1.1), whole = (zoom - 0.3) / 0.8, right = random.Between(-0.35, 0.35), down = random.Between(-0.35, 0.35);
        return new Frame(
            Curve.Mix(x + (zoom * right), 0.5 + (0.15 * right), whole), Curve.Mix(y + (zoom * down), 0.5 + (0.15 * down), whole), zoom, random.Between(-0.02, 0.02), isMirrored);
    }
}
