namespace MeLo.Edge.Imaging;

/// <summary>What an <see cref="ImageException"/> is about.</summary>
public enum ImageFault
{
    /// <summary>The file begins like none of the formats.</summary>
    UnknownFormat,

    /// <summary>The file is broken, truncated, or of a kind of its format that is not read.</summary>
    Broken,

    /// <summary>The file asks for more than <see cref="DecodeLimits"/> allow.</summary>
    OverLimit,

    /// <summary>The file is of a compression that no decoder here reads; another device may.</summary>
    NoDecoder,

    /// <summary>A program gave samples that do not fit their dimensions, or asked for samples of another type.</summary>
    Pixels,

    /// <summary>A preprocessing recipe makes no sense.</summary>
    Recipe,

    /// <summary>The native library is missing or has the wrong version: no file is at fault.</summary>
    Library,
}
