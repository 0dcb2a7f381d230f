using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Decodes PNG, JPEG, TIFF, WebP and BMP files to what Pillow 9.4's <c>convert("RGB")</c> gives, but in the source's full depth:
/// alpha is dropped, not blended; palettes and CMYK become RGB; gray stays one channel; colour profiles and gamma are not applied.
/// Of files with several pictures the first is taken. Details and exceptions: docs/image-formats.md.
/// </summary>
/// <remarks>Safe for concurrent use; decodes on the calling thread.</remarks>
public static class RasterDecoder
{
    /// <summary>The version of the native library that decodes everything but BMP, such as <c>8.18.7</c>.</summary>
    /// <exception cref="ImageException">The library is missing or has the wrong version.</exception>
    public static string LibraryVersion
    {
        get
        {
            try
            {
                return VipsLibrary.Version;
            }
            catch (VipsException e)
            {
                throw ImageException.Library(e.Message, e);
            }
        }
    }

    /// <summary>Decodes a whole file in memory.</summary>
    /// <param name="file">The file; it must not change meanwhile.</param>
    /// <param name="limits">What it may cost; <see cref="DecodeLimits.Default"/> unless given.</param>
    /// <exception cref="ImageException">The file is of another format, broken, truncated or over a limit.</exception>
    public static PixelBuffer Decode(ReadOnlyMemory<byte> file, DecodeLimits? limits = null)
    {
        limits ??= DecodeLimits.Default;
        limits.CheckFile(file.Length);
        ImageFormat format = ImageSignature.Identify(file.Span);
        return format == ImageFormat.Bmp ? BmpDecoder.Decode(file.Span, limits) : VipsDecoder.Decode(format, file, limits);
    }
}
