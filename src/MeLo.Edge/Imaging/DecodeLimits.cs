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

    /// <summary>The longest side in pixels; 65,535 unless set, the most that JPEG can hold.</summary>
    public int MaxSide { get; init; } = 65_535;
}
