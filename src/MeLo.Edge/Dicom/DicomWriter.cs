using System.Buffers.Binary;
using System.Text;

namespace MeLo.Edge.Dicom;

/// <summary>Writes data elements, explicit little endian (PS3.5, section 7 and annex A.2). Given in any order, they stand in that of their tags.</summary>
internal sealed class DicomWriter
{
    private const uint UndefinedLength = 0xFFFFFFFF;

    private readonly List<byte> _bytes = [];
    private readonly List<(DicomTag Tag, int Start)> _elements = [];

    /// <summary>The elements so far.</summary>
    public byte[] ToArray()
    {
        byte[] given = [.. _bytes];
        int[] starts = [.. _elements.Select(e => e.Start), given.Length];
        using MemoryStream sorted = new(given.Length);
        foreach (int i in Enumerable.Range(0, _elements.Count).OrderBy(i => (_elements[i].Tag.Group, _elements[i].Tag.Element))) sorted.Write(given.AsSpan(starts[i]..starts[i + 1]));
        return sorted.ToArray();
    }

    /// <summary>A whole file: preamble, file meta information, and the elements so far.</summary>
    /// <param name="sopClass">The UID of what the object is.</param>
    /// <param name="sopInstance">The UID of the object.</param>
    /// <param name="transferSyntax">How its pixels are encoded; an explicit little-endian one.</param>
    /// <param name="implementation">The UID of the program that wrote it.</param>
    public byte[] ToFile(string sopClass, string sopInstance, string transferSyntax, string implementation)
    {
        DicomWriter meta = new();
        meta.Bytes(new DicomTag(0x0002, 0x0001), DicomVr.Ob, [0, 1]);
        meta.Text(new DicomTag(0x0002, 0x0002), DicomVr.Ui, sopClass);
        meta.Text(new DicomTag(0x0002, 0x0003), DicomVr.Ui, sopInstance);
        meta.Text(DicomTag.TransferSyntaxUid, DicomVr.Ui, transferSyntax);
        meta.Text(new DicomTag(0x0002, 0x0012), DicomVr.Ui, implementation);
        DicomWriter length = new();
        byte[] count = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(count, meta._bytes.Count);
        length.Bytes(new DicomTag(0x0002, 0x0000), DicomVr.Ul, count);
        return [.. new byte[DicomFile.PreambleLength], .. "DICM"u8, .. length.ToArray(), .. meta.ToArray(), .. ToArray()];
    }

    /// <summary>A text, padded to an even length.</summary>
    /// <param name="tag">The element.</param>
    /// <param name="vr">Its representation.</param>
    /// <param name="text">The text.</param>
    /// <param name="encoding">The file's specific character set; ASCII, the default repertoire, unless given.</param>
    public void Text(DicomTag tag, ushort vr, string text, Encoding? encoding = null)
    {
        byte[] value = (encoding ?? Encoding.ASCII).GetBytes(text);
        Bytes(tag, vr, value.Length % 2 == 0 ? value : [.. value, vr == DicomVr.Ui ? (byte)0 : (byte)' ']);
    }

    /// <summary>Numbers of 16 bits (US).</summary>
    public void Words(DicomTag tag, params ReadOnlySpan<int> values)
    {
        byte[] value = new byte[sizeof(ushort) * values.Length];
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt16LittleEndian(value.AsSpan(sizeof(ushort) * i), (ushort)values[i]);
        Bytes(tag, DicomVr.Us, value);
    }

    /// <summary>A value as it is; its length is even.</summary>
    public void Bytes(DicomTag tag, ushort vr, ReadOnlySpan<byte> value)
    {
        Header(tag, vr, (uint)value.Length);
        _bytes.AddRange(value);
    }

    /// <summary>A sequence, whose items have lengths.</summary>
    public void Sequence(DicomTag tag, params ReadOnlySpan<DicomWriter> items)
    {
        long length = 0;
        foreach (DicomWriter item in items) length += 8 + item._bytes.Count;
        Header(tag, DicomVr.Sq, checked((uint)length));
        foreach (DicomWriter item in items)
        {
            Item(DicomTag.Item, (uint)item._bytes.Count);
            _bytes.AddRange(item.ToArray());
        }
    }

    /// <summary>Pixel data, a fragment a frame, with an empty table of offsets (PS3.5, annex A.4).</summary>
    public void Frames(IEnumerable<ReadOnlyMemory<byte>> frames)
    {
        Header(DicomTag.PixelData, DicomVr.Ob, UndefinedLength);
        Item(DicomTag.Item, 0);
        foreach (ReadOnlyMemory<byte> frame in frames)
        {
            Item(DicomTag.Item, (uint)(frame.Length + (frame.Length & 1)));
            _bytes.AddRange(frame.Span);
            if (frame.Length % 2 != 0) _bytes.Add(0);
        }
        Item(DicomTag.SequenceDelimitation, 0);
    }

    private void Header(DicomTag tag, ushort vr, uint length)
    {
        _elements.Add((tag, _bytes.Count));
        Span<byte> header = stackalloc byte[12];
        header.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(header, tag.Group);
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], tag.Element);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], vr);
        bool isLong = DicomVr.HasLongLength(vr);
        if (isLong) BinaryPrimitives.WriteUInt32LittleEndian(header[8..], length);
        else BinaryPrimitives.WriteUInt16LittleEndian(header[6..], checked((ushort)length));
        _bytes.AddRange(header[..(isLong ? 12 : 8)]);
    }

    private void Item(DicomTag tag, uint length)
    {
        Span<byte> header = stackalloc byte[8];
        BinaryPrimitives.WriteUInt16LittleEndian(header, tag.Group);
        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], tag.Element);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], length);
        _bytes.AddRange(header);
    }
}
