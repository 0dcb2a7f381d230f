namespace MeLo.Edge.Imaging;

/// <summary>
/// An image could not be read or prepared: an unknown or broken file, one over a limit, a recipe that makes no sense, or a missing
/// native library. The message never contains a file name or pixel data.
/// </summary>
public sealed class ImageException : MeLoException
{
    private ImageException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    internal static ImageException UnknownFormat(string found) =>
        new($"found {found}, expected a PNG, JPEG, TIFF, WebP or BMP file");

    internal static ImageException Broken(ImageFormat format, string fault) => new($"{format} image: {fault}");

    internal static ImageException OverLimit(string what, long found, long limit) => new($"found {found} {what}, expected at most {limit}");

    internal static ImageException Pixels(string fault) => new($"pixel buffer: {fault}");

    internal static ImageException Recipe(IEnumerable<string> faults) => new($"preprocessing recipe: {string.Join("; ", faults)}");

    internal static ImageException Library(string fault, Exception? inner = null) => new($"image library: {fault}", inner);
}
