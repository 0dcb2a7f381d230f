namespace MeLo.Edge.Bundles;

/// <summary>
/// The ZIP records of a bundle, from PKWARE's APPNOTE 6.3.10 (sections 4.3.7, 4.3.12 and 4.3.16), and the only values that their
/// fixed fields may have. A field with one legal value cannot carry a hidden message and cannot be read in two ways.
/// </summary>
internal static class ZipFormat
{
    public const uint LocalSignature = 0x04034b50;
    public const uint CentralSignature = 0x02014b50;
    public const uint EndSignature = 0x06054b50;

    /// <summary>The lengths without the name that follows.</summary>
    public const int LocalHeaderLength = 30;
    public const int CentralHeaderLength = 46;
    public const int EndLength = 22;

    /// <summary>Version 1.0: nothing but stored entries.</summary>
    public const ushort VersionNeeded = 10;

    /// <summary>Host 3 (Unix, so that the attributes mean a file mode), APPNOTE version 2.0.</summary>
    public const ushort VersionMadeBy = (3 << 8) | 20;

    /// <summary>No encryption (bit 0), no data descriptor (bit 3), no UTF-8 names (bit 11: ours are ASCII), nothing else.</summary>
    public const ushort Flags = 0;

    /// <summary>Method 0: stored.</summary>
    public const ushort Stored = 0;

    /// <summary>Midnight, 1 January 1980: the format's earliest time, so that equal inputs give equal bytes.</summary>
    public const ushort Time = 0;
    public const ushort Date = (0 << 9) | (1 << 5) | 1;

    /// <summary>A regular file, mode 0644, in the upper half, as Unix writes it.</summary>
    public const uint ExternalAttributes = (FileMode << FileModeShift) & 0xFFFF0000;
    public const int FileModeShift = 16;
    public const uint FileTypeMask = 0xF000;
    public const uint SymbolicLink = 0xA000;
    private const uint FileMode = 0x81A4;
}
