using System.Buffers.Binary;

namespace MeLo.Edge.Imaging;

/// <summary>
/// The first directory of a TIFF file (TIFF 6.0, section 2) or BigTIFF file. Lenient: what does not fit the file is absent, and the
/// decoder reads the file for itself.
/// </summary>
internal readonly ref struct TiffDirectory
{
    // Field types.
    private const ushort Byte = 1, Short = 3, Long = 4, Long8 = 16;
    private const int BigVersion = 43;

    private readonly ReadOnlySpan<byte> _file;
    private readonly bool _little;
    private readonly bool _big;
    private readonly int _start;

    public TiffDirectory(ReadOnlySpan<byte> file)
    {
        _file = file;
        if (file.Length < 16) return;
        _little = file[0] == (byte)'I';
        _big = U16(2) == BigVersion;
        ulong start = _big ? U64(8) : U32(4);
        if (start > (ulong)(file.Length - sizeof(ulong))) return;
        _start = (int)start + (_big ? sizeof(ulong) : sizeof(ushort));
        ulong count = _big ? U64((int)start) : U16((int)start);
        TagCount = (int)Math.Min(count, (ulong)((file.Length - _start) / EntryLength));
    }

    /// <summary>How many tags there are within the file.</summary>
    public int TagCount { get; }

    /// <summary>Where the offset of the next directory is, and whether there is one.</summary>
    public (int At, int Length, bool IsSet) Next
    {
        get
        {
            int at = _start + (TagCount * EntryLength), length = _big ? sizeof(ulong) : sizeof(uint);
            return at + length > _file.Length ? (0, 0, false) : (at, length, (_big ? U64(at) : U32(at)) != 0);
        }
    }

    private int EntryLength => _big ? 20 : 12;

    public bool Contains(TiffTag tag) => Entry(tag) is not null;

    /// <summary>The first value of a tag, or what it is by default.</summary>
    public long First(TiffTag tag, long absent) => Values(tag)[0] ?? absent;

    /// <summary>The values of a tag; none when it is absent.</summary>
    public TiffValues Values(TiffTag tag)
    {
        if (Entry(tag) is not int entry) return default;
        int size = U16(entry + 2) switch { Byte => 1, Short => 2, Long => 4, Long8 => 8, _ => 0 };
        long count = _big ? (long)Math.Min(U64(entry + 4), long.MaxValue) : U32(entry + 4);
        int field = entry + (_big ? 12 : 8), fieldLength = _big ? sizeof(ulong) : sizeof(uint);
        bool isInline = size > 0 && count <= fieldLength / size;
        return new TiffValues(_file, _little, isInline ? (ulong)field : _big ? U64(field) : U32(field), size, count);
    }

    /// <summary>Whether a tag is absent, or its values are numbers within the file.</summary>
    public bool IsWhole(TiffTag tag)
    {
        TiffValues values = Values(tag);
        return !Contains(tag) || values[values.Count - 1] is not null;
    }

    private int? Entry(TiffTag tag)
    {
        for (int i = 0; i < TagCount; i++)
        {
            int entry = _start + (i * EntryLength);
            if (U16(entry) == (ushort)tag) return entry;
        }
        return null;
    }

    private ushort U16(int at) => _little ? BinaryPrimitives.ReadUInt16LittleEndian(_file[at..]) : BinaryPrimitives.ReadUInt16BigEndian(_file[at..]);

    private uint U32(int at) => _little ? BinaryPrimitives.ReadUInt32LittleEndian(_file[at..]) : BinaryPrimitives.ReadUInt32BigEndian(_file[at..]);

    private ulong U64(int at) => _little ? BinaryPrimitives.ReadUInt64LittleEndian(_file[at..]) : BinaryPrimitives.ReadUInt64BigEndian(_file[at..]);
}
