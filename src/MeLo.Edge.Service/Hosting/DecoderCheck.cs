namespace MeLo.Edge.Service.Hosting;

/// <summary>A picture that every working installation can read.</summary>
internal static class DecoderCheck
{
    /// <summary>A PNG of one black pixel, 8-bit gray.</summary>
    public static byte[] Picture { get; } = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg==");
}
