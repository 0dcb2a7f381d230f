namespace MeLo.Edge.Imaging;

/// <summary>How the pixels of a bitmap are stored (wingdi.h, BI_RGB and so on).</summary>
internal enum BmpCompression : uint
{
    None = 0,
    Rle8 = 1,
    Rle4 = 2,
    BitFields = 3,
}
