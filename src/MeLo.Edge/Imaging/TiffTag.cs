namespace MeLo.Edge.Imaging;

/// <summary>The TIFF tags that <see cref="TiffTraits"/> looks at.</summary>
internal enum TiffTag : ushort
{
    Compression = 259,
    PhotometricInterpretation = 262,
    TileWidth = 322,
    TileLength = 323,
    TileOffsets = 324,
    TileByteCounts = 325,
    SampleFormat = 339,
    YCbCrSubSampling = 530,
}
