namespace MeLo.Edge.Imaging;

/// <summary>
/// An image could not be read or prepared: an unknown or broken file, one over a limit, a recipe that makes no sense, or a missing
/// native library. The message never contains a file name or pixel data.
/// </summary>
public sealed class ImageException : MeLoException
{
    private ImageException(ImageFault fault, string message, Exception? inner = null)
        : base(message, inner) => Fault = fault;

    /// <summary>What it is about.</summary>
    public ImageFault Fault { get; }

    /// <summary>Whether the file is to blame, so that trying again cannot help.</summary>
    public bool IsFileAtFault => Fault is ImageFault.UnknownFormat or ImageFault.Broken or ImageFault.OverLimit or ImageFault.NoDecoder;

    internal static ImageException UnknownFormat(string found) =>
        new(ImageFault.UnknownFormat, $"found {found}, expected a PNG, JPEG, TIFF, WebP or BMP file");

    internal static ImageException DicomNotTaken(string expected) => new(ImageFault.UnknownFormat, $"found a DICOM image, expected {expected}");

    internal static ImageException VolumeNotKnown(string found) =>
        new(ImageFault.UnknownFormat, $"found {found}, expected a volume: DICOM of several frames, the slices of a DICOM series in a ZIP file, NIfTI-1 (.nii, .nii.gz), or an array of NumPy (.npy)");

    internal static ImageException VolumeNotTaken(string fault) => new(ImageFault.UnknownFormat, $"found {fault}");

    internal static ImageException Broken(ImageFormat format, string fault) => new(ImageFault.Broken, $"{Name(format)}: {fault}");

    internal static ImageException OverLimit(string what, long found, long limit) =>
        new(ImageFault.OverLimit, $"found {found} {what}, expected at most {limit}");

    internal static ImageException NoDecoder(string found, string expected) => new(ImageFault.NoDecoder, $"found a DICOM image of {found}, expected {expected}");

    internal static ImageException Pixels(string fault) => new(ImageFault.Pixels, $"pixel buffer: {fault}");

    internal static ImageException Recipe(IEnumerable<string> faults) =>
        new(ImageFault.Recipe, $"preprocessing recipe: {string.Join("; ", faults)}");

    internal static ImageException Library(string fault, Exception? inner = null) =>
        new(ImageFault.Library, $"image library: {fault}", inner);

    private static string Name(ImageFormat format) => format switch
    {
        ImageFormat.DicomSeries => "DICOM series",
        ImageFormat.Nifti => "NIfTI volume",
        ImageFormat.Npy => ".npy array",
        ImageFormat.WebP => "WebP image",
        _ => $"{format.ToString().ToUpperInvariant()} image",
    };
}
