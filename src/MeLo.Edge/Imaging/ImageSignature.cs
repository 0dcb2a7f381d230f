namespace MeLo.Edge.Imaging;

/// <summary>Tells formats apart by their first bytes. A file's name says nothing here.</summary>
internal static class ImageSignature
{
    private const int ShownBytes = 8;

    /// <exception cref="ImageException">The bytes begin none of the formats.</exception>
    public static ImageFormat Identify(ReadOnlySpan<byte> file) => file switch
    {
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => ImageFormat.Png,
        [0xFF, 0xD8, 0xFF, ..] => ImageFormat.Jpeg,
        [(byte)'I', (byte)'I', 42 or 43, 0, ..] => ImageFormat.Tiff,
        [(byte)'M', (byte)'M', 0, 42 or 43, ..] => ImageFormat.Tiff,
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => ImageFormat.WebP,
        [(byte)'B', (byte)'M', ..] => ImageFormat.Bmp,
        [] => throw ImageException.UnknownFormat("an empty file"),
        _ => throw ImageException.UnknownFormat($"a file that begins with {Convert.ToHexStringLower(file[..Math.Min(file.Length, ShownBytes)])}"),
    };
}
