using System.Buffers.Binary;

namespace MeLo.Edge.Imaging;

/// <summary>
/// The first directory of a TIFF file (TIFF 6.0, section 2) or BigTIFF file: the first value of each tag, and arrays of numbers.
/// Lenient: what does not fit the file is absent, and the decoder reads the file for itself.
/// </summary>
internal readonly ref struct TiffDirectory
{
    private const ushort Byte = 1, Short = 3, Long = 4, Long8 = 16;
    private const int BigVersion = 43;

    private readonly ReadOnlySpan<byte> _file;
    private readonly bool _little;
    private readonly bool _big;
    private readonly int _start;
    private readonly int _count;

    public TiffDirectory(ReadOnlySpan<byte> file)
    {
        _file = file;
        if (file.Length < 16) return;
        _little = file[0] == (byte)'I';
        _big = U16(2) == BigVersion;
        ulong start = _big ? U64(8) : U32(4);
        if (start > (ulong)(file.Length - 8)) return;
        _start = (int)start + (_big ? 8 : 2);
        ulong count = _big ? U64((int)start) : U16((int)start);
        _count = (int)Math.Min(count, (ulong)((file.Length - _start) / EntryLength));
    }

    /// <summary>Where the offset of the next directory is, and whether there is one.</summary>
    public (int At, int Length, bool IsSet) Next
    {
        get
        {
            int at = _start + (_count * EntryLength), length = _big ? 8 : 4;
            return at + length > _file.Length ? (0, 0, false) : (at, length, (_big ? U64(at) : U32(at)) != 0);
        }
    }

    private int EntryLength => _big ? 20 : 12;

    public bool Contains(TiffTag tag) => Entry(tag) is not null;

    /// <summary>The first value of a tag, or what it is by default.</summary>
    public long Value(TiffTag tag, long absent) => Count(tag) > 0 ? Value(tag, 0) ?? absent : absent;

    /// <summary>How many values a tag has.</summary>
    public long Count(TiffTag tag) => Entry(tag) is not int entry ? 0 : _big ? (long)Math.Min(U64(entry + 4), long.MaxValue) : U32(entry + 4);

    /// <summary>One value of a tag; null when it is not there or not an unsigned number.</summary>
    public long? Value(TiffTag tag, int index)
    {
        if (Entry(tag) is not int entry || index >= Count(tag)) return null;
        int size = U16(entry + 2) switch { Byte => 1, Short => 2, Long => 4, Long8 => 8, _ => 0 };
        if (size == 0) return null;
        int field = entry + (_big ? 12 : 8), fieldLength = _big ? 8 : 4;
        ulong offset = Count(tag) <= fieldLength / size ? (ulong)field : _big ? U64(field) : U32(field);
        offset += (ulong)index * (ulong)size;
        if (offset > (ulong)(_file.Length - size)) return null;
        int at = (int)offset;
        return size switch { 1 => _file[at], 2 => U16(at), 4 => U32(at), _ => (long)Math.Min(U64(at), long.MaxValue) };
    }

    private int? Entry(TiffTag tag)
    {
        for (int i = 0; i < _count; i++)
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
