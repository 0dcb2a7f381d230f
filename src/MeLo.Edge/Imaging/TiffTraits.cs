using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Refuses TIFF files of which libvips 8.18 would make wrong pixels without saying so, and cuts the others down to their first page.
/// libvips reports a broken tile only when asked to fail on warnings, and takes unknown tags for warnings only with strips.
/// </summary>
internal static class TiffTraits
{
    private const long OldJpeg = 6, Jpeg = 7;
    private const long WhiteIsZero = 0, YCbCr = 6;
    private const long Unsigned = 1;

    /// <exception cref="ImageException">The picture is of such a kind, or over a limit.</exception>
    public static CheckedFile Check(ReadOnlyMemory<byte> file, DecodeLimits limits)
    {
        TiffDirectory directory = new(file.Span);
        // libtiff takes seconds over the strip tables of impossible sizes.
        limits.CheckDimensions(ImageFormat.Tiff, directory.Value(TiffTag.ImageWidth, absent: 1L), directory.Value(TiffTag.ImageLength, absent: 1L));
        bool tiled = directory.Contains(TiffTag.TileWidth) || directory.Contains(TiffTag.TileLength);
        long compression = directory.Value(TiffTag.Compression, absent: 1);
        long photometric = directory.Value(TiffTag.PhotometricInterpretation, absent: 1);
        // The codec is not built in, and of tiles libvips would make a black picture.
        if (compression == OldJpeg) throw Unsupported("old-style JPEG compression, which has been obsolete since 1995");
        // Other than through JPEG, libvips takes YCbCr for RGB, and broken tiles of it for black.
        if (photometric == YCbCr && compression != Jpeg && (tiled || !IsSubsampled(directory))) throw Unsupported("YCbCr pixels without JPEG compression");
        // libvips would show them as a negative.
        if (photometric == WhiteIsZero && directory.Value(TiffTag.SampleFormat, Unsigned) != Unsigned) throw Unsupported("signed or floating-point samples where 0 is white");
        if (tiled && compression == Jpeg) CheckJpegTiles(file.Span, directory);
        return new CheckedFile(FirstPage(file, directory), ExifOrientation.Of(directory), tiled ? VipsFailOn.Warning : VipsFailOn.Error);
    }

    // libvips counts the pages, of which a hostile file can have millions.
    private static ReadOnlyMemory<byte> FirstPage(ReadOnlyMemory<byte> file, TiffDirectory directory)
    {
        (int at, int length, bool isSet) = directory.Next;
        if (!isSet) return file;
        byte[] copy = file.ToArray();
        copy.AsSpan(at, length).Clear();
        return copy;
    }

    private static bool IsSubsampled(TiffDirectory directory) => directory.Count(TiffTag.YCbCrSubSampling) == 0
        || directory.Value(TiffTag.YCbCrSubSampling, 0) != 1
        || directory.Value(TiffTag.YCbCrSubSampling, 1) != 1;

    // libvips decompresses these itself, and leaves what a smaller JPEG does not fill as it happened to be in memory.
    private static void CheckJpegTiles(ReadOnlySpan<byte> file, TiffDirectory directory)
    {
        long width = directory.Value(TiffTag.TileWidth, 0L), height = directory.Value(TiffTag.TileLength, 0L);
        long tiles = Math.Min(directory.Count(TiffTag.TileOffsets), file.Length);
        for (int i = 0; i < tiles; i++)
        {
            long offset = directory.Value(TiffTag.TileOffsets, i) ?? 0, length = directory.Value(TiffTag.TileByteCounts, i) ?? 0;
            if (length == 0 || offset > file.Length || length > file.Length - offset)
                throw ImageException.Broken(ImageFormat.Tiff, $"found tile {i} at byte {offset} with {length} bytes in a file of {file.Length}, expected it within the file");
            (int Width, int Height)? frame = JpegMarkers.FrameSize(file.Slice((int)offset, (int)length));
            if (frame is null || frame.Value.Width != width || frame.Value.Height != height)
                throw ImageException.Broken(ImageFormat.Tiff, $"found a JPEG of {frame?.Width ?? 0} x {frame?.Height ?? 0} pixels in tile {i}, expected {width} x {height}");
        }
    }

    private static ImageException Unsupported(string found) => ImageException.Broken(ImageFormat.Tiff, $"found {found}, which is not supported");
}
