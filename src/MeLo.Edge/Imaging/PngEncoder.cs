using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Imaging;

/// <summary>Writes pictures as PNG files (ISO/IEC 15948), by libvips. Safe for concurrent use.</summary>
public static class PngEncoder
{
    /// <summary>A whole file of a picture of 8-bit samples, without metadata. The same picture gives the same bytes.</summary>
    /// <param name="picture">Gray or RGB; the samples as they are stored.</param>
    /// <exception cref="ImageException">The samples have another depth, or the native library is missing.</exception>
    public static byte[] Write(PixelBuffer picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        try
        {
            return VipsPng.Save(picture.Samples<byte>(), picture.Width, picture.Height, picture.Channels);
        }
        catch (VipsException e)
        {
            throw ImageException.Library(e.Message, e);
        }
    }
}
