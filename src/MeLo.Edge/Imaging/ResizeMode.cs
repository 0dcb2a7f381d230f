namespace MeLo.Edge.Imaging;

/// <summary>How a picture of any shape becomes a square.</summary>
public enum ResizeMode
{
    /// <summary>Both sides are scaled to the target, whatever that does to the proportions.</summary>
    Squash,

    /// <summary>The shorter side is scaled to a given length, the longer in proportion, and the centre is cut out.</summary>
    ShortestSide,
}
