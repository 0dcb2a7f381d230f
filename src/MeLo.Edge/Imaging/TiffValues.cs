using System.Buffers.Binary;

namespace MeLo.Edge.Imaging;

/// <summary>The unsigned numbers of one tag, wherever in the file they are; none when they are of another type.</summary>
internal readonly ref struct TiffValues(ReadOnlySpan<byte> file, bool littleEndian, ulong offset, int size, long count)
{
    private readonly ReadOnlySpan<byte> _file = file;

    /// <summary>How many there are said to be.</summary>
    public long Count => count;

    /// <summary>One of them; null when there is none, or it lies outside the file.</summary>
    public long? this[long index]
    {
        get
        {
            if (size == 0 || index < 0 || index >= count || index > _file.Length) return null;
            ulong at = offset + ((ulong)index * (ulong)size);
            if (at < offset || at > (ulong)_file.Length || (ulong)_file.Length - at < (ulong)size) return null;
            ReadOnlySpan<byte> value = _file.Slice((int)at, size);
            return size switch
            {
                1 => value[0],
                2 => littleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(value) : BinaryPrimitives.ReadUInt16BigEndian(value),
                4 => littleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(value) : BinaryPrimitives.ReadUInt32BigEndian(value),
                _ => (long)Math.Min(littleEndian ? BinaryPrimitives.ReadUInt64LittleEndian(value) : BinaryPrimitives.ReadUInt64BigEndian(value), long.MaxValue),
            };
        }
    }
}
