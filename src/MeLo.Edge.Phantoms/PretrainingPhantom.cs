namespace MeLo.Edge.Phantoms;

/// <summary>
/// What a base learns from before it knows of any task: textures, shapes, and the pictures of the tasks under labels that are none of the
/// tasks' own. The findings are in them, drawn by chance and unnamed.
/// </summary>
internal sealed class PretrainingPhantom() : Phantom("pretraining", isColour: true, [.. s_anatomies, .. Enum.GetNames<Texture>().Select(Spell), .. Enum.GetNames<Shape>().Select(Spell)])
{
    private static readonly string[] s_anatomies =
    [
        "chest-heart-right", "chest-heart-left", "lung-heart-right", "lung-heart-left",
        "smear-few-round", "smear-few-long", "smear-many-round", "smear-many-long",
        "mammogram-left-fatty", "mammogram-left-dense", "mammogram-right-fatty", "mammogram-right-dense",
    ];

    private protected override Picture Draw(SeededRandom random, int label, int width, int height)
    {
        bool first = label / 2 % 2 == 0, second = label % 2 == 0;
        int textures = Enum.GetValues<Texture>().Length, other = label - s_anatomies.Length;
        return label switch
        {
            < 4 => DrawChest(random, isWhole: first, isMirrored: !second, width, height).ToColour(),
            < 8 => SmearPhantom.Draw(random, (WhiteCellType)random.Whole(0, 3), first ? random.Whole(6, 14) : random.Whole(30, 50), second ? 0 : random.Between(0.6, 1.2), width, height),
            < 12 => MammogramPhantom.Draw(random, random.Whole(0, 2), second ? random.Between(0, 0.25) : random.Between(0.75, 1), isMirrored: !first, width, height).ToColour(),
            _ when other < textures => DrawTexture(random, (Texture)other, width, height),
            _ => DrawShape(random, (Shape)(other - textures), width, height),
        };
    }

    private static Picture DrawChest(SeededRandom random, bool isWhole, bool isMirrored, int width, int height)
    {
        double zoom = isWhole ? random.Between(0.9, 1.1) : random.Between(0.5, 0.65), stray = isWhole ? 0.04 : 0.12;
        Frame frame = new(0.5 + random.Between(-stray, stray), 0.5 + random.Between(-stray, stray), zoom, random.Between(-0.02, 0.02), isMirrored);
        return ChestPhantom.Draw(random, random.Whole(0, 1), width, height, frame);
    }

    private static Picture DrawTexture(SeededRandom random, Texture texture, int width, int height)
    {
        Canvas canvas = new(width, height, 3, AnyFrame(random));
        Fill(canvas, random, texture, random.Between(5, 11), contrast: 1);
        Detector.Panel(random).Take(canvas);
        return canvas.ToPicture();
    }

    private static Picture DrawShape(SeededRandom random, Shape shape, int width, int height)
    {
        Canvas canvas = new(width, height, 3, Frame.Whole);
        Colour ground = Fill(canvas, random, (Texture)random.Whole(0, 7), random.Between(4, 12), random.Between(0.1, 0.5));
        double radius = random.Between(0.11, 0.26), x = random.Between(0.25, 0.75), y = random.Between(0.25, 0.75);
        double turns = random.Unit(), cos = Curve.Cos(turns), sin = Curve.Sin(turns), cover = random.Between(0.5, 1);
        int count = shape == Shape.Star ? random.Whole(7, 12) : random.Whole(4, 6);
        Colour ink = Apart(random, ground);
        Noise noise = new(random.Next());
        canvas.Draw(x, y, 1.6 * radius, (px, py, pixel) =>
        {
            double right = (px - x) / radius, down = (py - y) / radius;
            double inside = shape.Inside(noise, count, (cos * right) + (sin * down), (cos * down) - (sin * right));
            ink.Cover(pixel, cover * Curve.Step(inside / Math.Max(0.08, canvas.Soft / radius)));
        });
        Detector.Panel(random).Take(canvas);
        return canvas.ToPicture();
    }

    // Two colours, and the texture between them; returns the colour in the middle.
    private static Colour Fill(Canvas canvas, SeededRandom random, Texture texture, double scale, double contrast)
    {
        Colour dark = AnyColour(random), light = dark.Mix(Apart(random, dark), contrast);
        Noise noise = new(random.Next());
        double offX = random.Between(-0.2, 1.2), offY = random.Between(-0.2, 1.2);
        canvas.Draw((x, y, pixel) => dark.Mix(light, texture.At(noise, scale, x - offX, y - offY)).Cover(pixel, 1));
        return dark.Mix(light, 0.5);
    }

    private static Frame AnyFrame(SeededRandom random) => new(0.5, 0.5, random.Between(0.8, 1.2), random.Unit(), random.Chance(0.5));

    // Half of them gray.
    private static Colour AnyColour(SeededRandom random)
    {
        double gray = random.Between(0.1, 0.9);
        return new Colour(gray, gray, gray).Varied(random, random.Chance(0.5) ? 0.2 : 0);
    }

    private static Colour Apart(SeededRandom random, Colour from)
    {
        Colour other;
        do other = AnyColour(random);
        while (Math.Abs(other.Green - from.Green) < 0.25);
        return other;
    }

    private static string Spell(string name) => string.Concat(name.Select((c, i) => char.IsUpper(c) && i > 0 ? $"-{char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"));
}
