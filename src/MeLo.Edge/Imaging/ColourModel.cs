namespace MeLo.Edge.Imaging;

/// <summary>What the samples of a decoded file stand for, before they become gray or RGB.</summary>
internal enum ColourModel
{
    Gray,
    Rgb,
    Cmyk,
}
