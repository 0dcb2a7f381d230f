namespace MeLo.Edge.Imaging;

/// <summary>What a picture may cost before it is refused; checked against the file's header, before memory for its pixels is reserved.</summary>
public sealed record DecodeLimits
{
    /// <summary>The defaults below.</summary>
    public static DecodeLimits Default { get; } = new();

    /// <summary>The largest file in bytes; 256 MiB unless set. An uncompressed 64-megapixel file of 16 bits gray is half of that.</summary>
    public long MaxFileBytes { get; init; } = 256L << 20;

    /// <summary>The largest width times height; 64 Mi pixels unless set. A full-field mammogram has about 14 million.</summary>
    public long MaxPixels { get; init; } = 64L << 20;

    /// <summary>The most voxels of a volume; 128 Mi unless set, which is 512 x 512 x 512 and takes 512 MiB.</summary>
    public long MaxVoxels { get; init; } = 128L << 20;

    /// <summary>The longest side in pixels; 65,535 unless set, the most that JPEG can hold.</summary>
    public int MaxSide { get; init; } = 65_535;

    // Three 4-byte samples a pixel must fit one array, whatever is set.
    private const long AbsoluteMaxPixels = 512L << 20;

    /// <exception cref="ImageException">The file is longer than <see cref="MaxFileBytes"/>.</exception>
    internal void CheckFile(long length)
    {
        if (length > MaxFileBytes) throw ImageException.OverLimit("bytes of file", length, MaxFileBytes);
    }

    /// <exception cref="ImageException">A side is longer than <see cref="MaxSide"/>, or there are more voxels than <see cref="MaxVoxels"/>.</exception>
    internal void CheckVolume(ImageFormat format, long depth, long height, long width)
    {
        if (depth < 1 || height < 1 || width < 1) throw ImageException.Broken(format, $"found {depth} x {height} x {width} voxels, expected at least 1 x 1 x 1");
        long side = Math.Max(depth, Math.Max(height, width)), limit = Math.Min(MaxVoxels, AbsoluteMaxPixels);
        if (side > MaxSide) throw ImageException.OverLimit("voxels on a side", side, MaxSide);
        // Three numbers of 16 bits.
        if (depth * height * width > limit) throw ImageException.OverLimit("voxels", depth * height * width, limit);
    }

    /// <exception cref="ImageException">A side is longer than <see cref="MaxSide"/>, or there are more pixels than <see cref="MaxPixels"/>.</exception>
    internal void CheckDimensions(ImageFormat format, long width, long height)
    {
        if (width < 1 || height < 1) throw ImageException.Broken(format, $"found {width} x {height} pixels, expected at least 1 x 1");
        if (Math.Max(width, height) > MaxSide) throw ImageException.OverLimit("pixels on a side", Math.Max(width, height), MaxSide);
        long limit = Math.Min(MaxPixels, AbsoluteMaxPixels);
        // Both sides fit 32 bits by now, so their product fits 64.
        if (width * height > limit) throw ImageException.OverLimit("pixels", width * height, limit);
    }
}
