using MeLo.Edge.Native.Vips;

namespace MeLo.Edge.Imaging;

/// <summary>
/// Refuses TIFF files of which libvips 8.18 would make wrong pixels without saying so, and cuts the others down to their first page.
/// libvips reports a broken tile only when asked to fail on warnings, and takes unknown tags for warnings only with strips.
/// </summary>
internal static class TiffTraits
{
    private const long OldJpeg = 6, Jpeg = 7;
    private const long WhiteIsZero = 0, Palette = 3, YCbCr = 6;
    private const long Unsigned = 1;

    // Writers share equal tiles now and then, not all of them.
    private const long MaxOverlap = 8;

    // A tile's JPEG has tables of at most 1.5 kB before its frame header.
    private const long JpegHeaderLength = 4096;

    // Files in use have about thirty; every lookup passes over them all.
    private const int MaxTags = 4096;

    /// <exception cref="ImageException">The picture is of such a kind, or over a limit.</exception>
    public static CheckedFile Check(ReadOnlyMemory<byte> file, DecodeLimits limits)
    {
        TiffDirectory directory = new(file.Span);
        if (directory.TagCount > MaxTags) throw ImageException.OverLimit("TIFF tags", directory.TagCount, MaxTags);
        // libtiff takes seconds over the strip tables of impossible sizes.
        limits.CheckDimensions(ImageFormat.Tiff, directory.First(TiffTag.ImageWidth, absent: 1), directory.First(TiffTag.ImageLength, absent: 1));
        // libtiff goes on without a tag whose values are missing, and libvips then shows a palette's indices as gray.
        foreach (TiffTag tag in Enum.GetValues<TiffTag>())
        {
            if (!directory.IsWhole(tag)) throw ImageException.Broken(ImageFormat.Tiff, $"found tag {tag} with values outside the file of {file.Length} bytes");
        }
        bool tiled = directory.Contains(TiffTag.TileWidth) || directory.Contains(TiffTag.TileLength);
        long compression = directory.First(TiffTag.Compression, absent: 1);
        long photometric = directory.First(TiffTag.PhotometricInterpretation, absent: 1);
        // The codec is not built in, and of tiles libvips would make a black picture.
        if (compression == OldJpeg) throw Unsupported("old-style JPEG compression, which has been obsolete since 1995");
        CheckOverlap(directory.Values(tiled ? TiffTag.TileByteCounts : TiffTag.StripByteCounts), file.Length);
        // Other than through JPEG, libvips takes YCbCr for RGB, and broken tiles of it for black.
        if (photometric == YCbCr && compression != Jpeg && (tiled || !IsSubsampled(directory))) throw Unsupported("YCbCr pixels without JPEG compression");
        if (photometric == Palette && directory.Values(TiffTag.ColorMap).Count != 3L << (int)Math.Min(directory.First(TiffTag.BitsPerSample, absent: 1), 32))
            throw ImageException.Broken(ImageFormat.Tiff, $"found {directory.Values(TiffTag.ColorMap).Count} values in the colour map, expected three for each index");
        // libvips would show them as a negative.
        if (photometric == WhiteIsZero && directory.First(TiffTag.SampleFormat, Unsigned) != Unsigned) throw Unsupported("signed or floating-point samples where 0 is white");
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

    private static bool IsSubsampled(TiffDirectory directory)
    {
        TiffValues factors = directory.Values(TiffTag.YCbCrSubSampling);
        return factors[0] != 1 || factors[1] != 1;
    }

    // Strips that all claim the same megabyte would have it read once for each.
    private static void CheckOverlap(TiffValues byteCounts, int fileLength)
    {
        long total = 0;
        for (long i = 0; i < byteCounts.Count && byteCounts[i] is long length; i++)
        {
            total += Math.Min(length, fileLength);
            if (total > MaxOverlap * fileLength)
                throw ImageException.Broken(ImageFormat.Tiff, $"found strips or tiles of over {MaxOverlap} times the file's {fileLength} bytes, expected them not to overlap");
        }
    }

    // libvips decompresses these itself, and leaves what a smaller JPEG does not fill as it happened to be in memory.
    private static void CheckJpegTiles(ReadOnlySpan<byte> file, TiffDirectory directory)
    {
        long width = directory.First(TiffTag.TileWidth, absent: 0), height = directory.First(TiffTag.TileLength, absent: 0);
        TiffValues offsets = directory.Values(TiffTag.TileOffsets), byteCounts = directory.Values(TiffTag.TileByteCounts);
        for (long i = 0; i < offsets.Count; i++)
        {
            long offset = offsets[i] ?? 0, length = byteCounts[i] ?? 0;
            if (length == 0 || offset > file.Length || length > file.Length - offset)
                throw ImageException.Broken(ImageFormat.Tiff, $"found tile {i} at byte {offset} with {length} bytes in a file of {file.Length}, expected it within the file");
            (int Width, int Height)? frame = JpegMarkers.FrameSize(file.Slice((int)offset, (int)Math.Min(length, JpegHeaderLength)));
            if (frame is null || frame.Value.Width != width || frame.Value.Height != height)
                throw ImageException.Broken(ImageFormat.Tiff, $"found a JPEG of {frame?.Width ?? 0} x {frame?.Height ?? 0} pixels in tile {i}, expected {width} x {height}");
        }
    }

    private static ImageException Unsupported(string found) => ImageException.Broken(ImageFormat.Tiff, $"found {found}, which is not supported");
}
