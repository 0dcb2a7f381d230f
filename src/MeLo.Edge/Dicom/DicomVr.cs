namespace MeLo.Edge.Dicom;

/// <summary>Value representations (PS3.5, section 6.2), as the two letters that files have, the first in the high byte.</summary>
internal static class DicomVr
{
    /// <summary>What an implicit encoding says: nothing.</summary>
    public const ushort None = 0;

    public const ushort Ut = ('U' << 8) | 'T';

    public const ushort As = ('A' << 8) | 'S', Da = ('D' << 8) | 'A', Ds = ('D' << 8) | 'S', Lo = ('L' << 8) | 'O', Pn = ('P' << 8) | 'N', Sh = ('S' << 8) | 'H', St = ('S' << 8) | 'T', Tm = ('T' << 8) | 'M';

    public const ushort Cs = ('C' << 8) | 'S', Is = ('I' << 8) | 'S', Ob = ('O' << 8) | 'B', Ui = ('U' << 8) | 'I', Ul = ('U' << 8) | 'L';

    public const ushort Ss = ('S' << 8) | 'S', Us = ('U' << 8) | 'S', Sq = ('S' << 8) | 'Q', Un = ('U' << 8) | 'N', Ow = ('O' << 8) | 'W';

    private const ushort Od = ('O' << 8) | 'D', Of = ('O' << 8) | 'F', Ol = ('O' << 8) | 'L', Ov = ('O' << 8) | 'V', Sv = ('S' << 8) | 'V',
        Uc = ('U' << 8) | 'C', Ur = ('U' << 8) | 'R', Uv = ('U' << 8) | 'V';

    /// <summary>Whether two bytes where a representation belongs are one: letters.</summary>
    public static bool IsOne(ReadOnlySpan<byte> bytes) => char.IsAsciiLetterUpper((char)bytes[0]) && char.IsAsciiLetterUpper((char)bytes[1]);

    /// <summary>Whether two reserved bytes and a length of 32 bits follow, instead of one of 16 (section 7.1.2).</summary>
    public static bool HasLongLength(ushort vr) => vr is Ob or Od or Of or Ol or Ov or Ow or Sq or Sv or Uc or Un or Ur or Ut or Uv;
}
