using System.Buffers.Binary;

namespace MeLo.Edge.Dicom;

/// <summary>How elements are written (PS3.5, section 7).</summary>
/// <param name="IsExplicit">Each says its value representation.</param>
/// <param name="IsBigEndian">Numbers begin with their highest byte.</param>
internal readonly record struct DicomEncoding(bool IsExplicit, bool IsBigEndian)
{
    public static DicomEncoding Meta => new(IsExplicit: true, IsBigEndian: false);

    public ushort U16(ReadOnlySpan<byte> bytes) => IsBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    public uint U32(ReadOnlySpan<byte> bytes) => IsBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    public DicomTag Tag(ReadOnlySpan<byte> bytes) => new(U16(bytes), U16(bytes[2..]));
}
