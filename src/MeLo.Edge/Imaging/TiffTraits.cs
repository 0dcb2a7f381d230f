using System.Buffers.Binary;

namespace MeLo.Edge.Imaging;

/// <summary>
/// What libvips does not say about the first picture of a TIFF file, read from its directory (TIFF 6.0, section 2; BigTIFF).
/// Only meaning comes from here: what cannot be read has its default, and the decoder checks the file for itself.
/// </summary>
internal sealed class TiffTraits
{
    private const ushort CompressionTag = 259, PhotometricTag = 262, ExtraSamplesTag = 338;
    private const ulong AssociatedAlpha = 1;
    private const ulong YCbCr = 6, JpegCompression = 7, OldJpegCompression = 6;

    private TiffTraits(bool isPremultiplied) => IsPremultiplied = isPremultiplied;

    /// <summary>Whether the colours were multiplied with the alpha that follows them.</summary>
    public bool IsPremultiplied { get; }

    /// <exception cref="ImageException">The picture is of a kind that libvips would decode to wrong colours.</exception>
    public static TiffTraits Read(ReadOnlySpan<byte> file)
    {
        Dictionary<ushort, ulong> tags = ReadDirectory(file);
        return new TiffTraits(tags.GetValueOrDefault(ExtraSamplesTag) == AssociatedAlpha);
    }

    // The first value of each tag of interest: of ExtraSamples, the first extra sample is the alpha.
    private static Dictionary<ushort, ulong> ReadDirectory(ReadOnlySpan<byte> file)
    {
        Dictionary<ushort, ulong> tags = [];
        if (file.Length < 16) return tags;
        Reader reader = new(file, file[0] == 'I');
        bool big = reader.U16(2) == 43;
        ulong start = big ? reader.U64(8) : reader.U32(4);
        int countSize = big ? 8 : 2, entrySize = big ? 20 : 12;
        if (start > (ulong)(file.Length - countSize)) return tags;
        ulong count = big ? reader.U64((int)start) : reader.U16((int)start);
        for (ulong i = 0; i < count; i++)
        {
            ulong at = start + (ulong)countSize + (i * (ulong)entrySize);
            if (at + (ulong)entrySize > (ulong)file.Length) break;
            int entry = (int)at;
            ushort tag = reader.U16(entry), type = reader.U16(entry + 2);
            if (tag is not (CompressionTag or PhotometricTag or ExtraSamplesTag)) continue;
            int value = entry + (big ? 12 : 8);
            ulong values = big ? reader.U64(entry + 4) : reader.U32(entry + 4);
            ulong inline = (big ? 8u : 4u) / (type == 3 ? 2u : type == 4 ? 4u : 1u);
            if (values == 0) continue;
            if (values > inline)
            {
                ulong offset = big ? reader.U64(value) : reader.U32(value);
                if (offset > (ulong)(file.Length - 4)) continue;
                value = (int)offset;
            }
            tags.TryAdd(tag, type switch { 1 => file[value], 3 => reader.U16(value), 4 => reader.U32(value), _ => 0 });
        }
        return tags;
    }

    private readonly ref struct Reader(ReadOnlySpan<byte> file, bool littleEndian)
    {
        private readonly ReadOnlySpan<byte> _file = file;
        private readonly bool _little = littleEndian;

        public ushort U16(int at) => _little ? BinaryPrimitives.ReadUInt16LittleEndian(_file[at..]) : BinaryPrimitives.ReadUInt16BigEndian(_file[at..]);

        public uint U32(int at) => _little ? BinaryPrimitives.ReadUInt32LittleEndian(_file[at..]) : BinaryPrimitives.ReadUInt32BigEndian(_file[at..]);

        public ulong U64(int at) => _little ? BinaryPrimitives.ReadUInt64LittleEndian(_file[at..]) : BinaryPrimitives.ReadUInt64BigEndian(_file[at..]);
    }
}
