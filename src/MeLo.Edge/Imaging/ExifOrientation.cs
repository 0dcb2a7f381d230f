namespace MeLo.Edge.Imaging;

/// <summary>Reads the orientation from an EXIF block (EXIF 2.32, section 4.6.4, tag 274), which is laid out as a TIFF file without pixels.</summary>
internal static class ExifOrientation
{
    /// <summary>What comes before the block in JPEG, and in some WebP files.</summary>
    public static ReadOnlySpan<byte> Prefix => "Exif\0\0"u8;

    /// <summary>1 to 8; 1 when there is none or a wrong one.</summary>
    public static int Read(ReadOnlySpan<byte> exif)
    {
        if (exif.StartsWith(Prefix)) exif = exif[Prefix.Length..];
        if (exif is not ([(byte)'I', (byte)'I', 42, 0, ..] or [(byte)'M', (byte)'M', 0, 42, ..])) return 1;
        return Of(new TiffDirectory(exif));
    }

    /// <summary>The same from a directory, which in TIFF files is the picture's own.</summary>
    public static int Of(TiffDirectory directory) =>
        directory.First(TiffTag.Orientation, absent: 1) is long orientation and >= 1 and <= 8 ? (int)orientation : 1;
}
