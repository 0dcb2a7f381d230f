namespace MeLo.Edge.Phantoms;

/// <summary>What colours a smear has: Wright's stain, as one laboratory's hands made it that day.</summary>
internal sealed class Stain
{
    private readonly double _strength;
    private readonly Colour _light;

    public Stain(SeededRandom random)
    {
        _strength = random.Between(0.65, 1.1);
        _light = new Colour(random.Between(0.86, 0.98), random.Between(0.84, 0.96), random.Between(0.82, 0.98));
        Ground = Stained(new Colour(0.95, 0.91, 0.88).Varied(random, 0.02));
        Plasma = Stained(new Colour(0.92, 0.85, 0.85).Varied(random, 0.03));
        RedCell = Stained(new Colour(0.86, 0.62, 0.60).Varied(random, 0.05));
        Chromatin = Stained(new Colour(0.38, 0.22, 0.53).Varied(random, 0.05));
        PaleChromatin = Stained(new Colour(0.54, 0.40, 0.68).Varied(random, 0.04));
        Pink = Stained(new Colour(0.88, 0.74, 0.79).Varied(random, 0.04));
        Blue = Stained(new Colour(0.66, 0.72, 0.88).Varied(random, 0.04));
        GrayBlue = Stained(new Colour(0.71, 0.71, 0.82).Varied(random, 0.04));
        Lilac = Stained(new Colour(0.72, 0.52, 0.70).Varied(random, 0.04));
        Orange = Stained(new Colour(0.87, 0.45, 0.36).Varied(random, 0.05));
    }

    public Colour Ground { get; }
    public Colour Plasma { get; }
    public Colour RedCell { get; }
    public Colour Chromatin { get; }
    public Colour PaleChromatin { get; }
    public Colour Pink { get; }
    public Colour Blue { get; }
    public Colour GrayBlue { get; }
    public Colour Lilac { get; }
    public Colour Orange { get; }

    private Colour Stained(Colour colour) => new(
        _light.Red * (1 - (_strength * (1 - colour.Red))), _light.Green * (1 - (_strength * (1 - colour.Green))), _light.Blue * (1 - (_strength * (1 - colour.Blue))));
}
