namespace MeLo.Edge.Native.Vips;

/// <summary>A loader of libvips, by its nickname, and which of the options set here it has.</summary>
internal sealed class VipsLoader
{
    private readonly string _nickname;
    private readonly byte[] _text;

    internal VipsLoader(string nickname, bool hasUnlimited)
    {
        _nickname = nickname;
        _text = System.Text.Encoding.UTF8.GetBytes(nickname + '\0');
        HasUnlimited = hasUnlimited;
    }

    public static VipsLoader Png { get; } = new("pngload_buffer", hasUnlimited: true);

    public static VipsLoader Jpeg { get; } = new("jpegload_buffer", hasUnlimited: true);

    public static VipsLoader Tiff { get; } = new("tiffload_buffer", hasUnlimited: true);

    public static VipsLoader WebP { get; } = new("webpload_buffer", hasUnlimited: false);

    /// <summary>Zero-terminated.</summary>
    public ReadOnlySpan<byte> Nickname => _text;

    /// <summary>Whether the loader has the option that lifts its own limits.</summary>
    public bool HasUnlimited { get; }

    public override string ToString() => _nickname;
}
