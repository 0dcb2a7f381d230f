namespace MeLo.Edge.Phantoms;

/// <summary>
/// A kind of drawn picture that looks like a medical one, with the labels that it can be drawn for: for demonstrations and tests, where real
/// pictures cannot be. Nothing clinical can be learnt from it. What is drawn depends on the seed, the label and the size alone, bit for bit, on
/// every machine (see <see cref="Curve"/>); the size changes only how fine the same drawing is.
/// </summary>
public abstract class Phantom
{
    private protected Phantom(string name, bool isColour, params string[] labels) => (Name, IsColour, Labels) = (name, isColour, labels);

    /// <summary>
    /// Chest radiographs: normal, or with the opacities, nodules and cavities of tuberculosis in an upper zone. Half of both have a harmless shadow at the base of a lung.
    /// </summary>
    public static Phantom Chest { get; } = new ChestPhantom();

    /// <summary>Blood smears around one white cell of four types.</summary>
    public static Phantom Smear { get; } = new SmearPhantom();

    /// <summary>Mammograms without a mass, with a round smooth one (benign), or with an irregular spiculated one (malignant).</summary>
    public static Phantom Mammogram { get; } = new MammogramPhantom();

    /// <summary>Pictures of many classes for training a base that shall know textures, shapes and such pictures, but none of the tasks.</summary>
    public static Phantom Pretraining { get; } = new PretrainingPhantom();

    /// <summary>The kinds that are clinical questions.</summary>
    public static IReadOnlyList<Phantom> Tasks { get; } = [Chest, Smear, Mammogram];

    /// <summary>The task's name.</summary>
    public string Name { get; }

    /// <summary>Whether pictures have three channels.</summary>
    public bool IsColour { get; }

    /// <summary>The classes, by index.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Draws a picture. The same seed with another label is, as far as it can be, the same picture with another finding.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="label">An index into <see cref="Labels"/>.</param>
    /// <param name="width">Pixels a row; the whole drawing is seen whatever the proportions.</param>
    /// <param name="height">Rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such label, or the size is not positive.</exception>
    public Picture Draw(ulong seed, int label, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(label);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(label, Labels.Count);
        return Draw(new SeededRandom(SeededRandom.Mix(seed)), label, width, height);
    }

    private protected abstract Picture Draw(SeededRandom random, int label, int width, int height);
}
