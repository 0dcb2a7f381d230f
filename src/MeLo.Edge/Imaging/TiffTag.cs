namespace MeLo.Edge.Imaging;

/// <summary>The TIFF tags that <see cref="TiffTraits"/> and <see cref="ExifOrientation"/> look at.</summary>
internal enum TiffTag : ushort
{
    ImageWidth = 256,
    ImageLength = 257,
    BitsPerSample = 258,
    Compression = 259,
    PhotometricInterpretation = 262,
    Orientation = 274,
    SamplesPerPixel = 277,
    StripByteCounts = 279,
    ColorMap = 320,
    TileWidth = 322,
    TileLength = 323,
    TileOffsets = 324,
    TileByteCounts = 325,
    ExtraSamples = 338,
    SampleFormat = 339,
    YCbCrSubSampling = 530,
}
