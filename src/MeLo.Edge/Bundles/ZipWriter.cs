using System.Buffers.Binary;
using System.Text;

namespace MeLo.Edge.Bundles;

/// <summary>Writes the ZIP container of a bundle: equal entries give equal bytes.</summary>
internal static class ZipWriter
{
    /// <summary>A whole container.</summary>
    /// <param name="entries">The contents by name; the file has them in the order of <see cref="BundleEntry.All"/>.</param>
    /// <param name="source">What to call the container in error messages.</param>
    /// <exception cref="BundleException">An entry is larger than its limit.</exception>
    public static byte[] Write(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> entries, string source)
    {
        long length = ZipFormat.EndLength;
        List<(BundleEntry Entry, ReadOnlyMemory<byte> Data)> present = [];
        foreach (BundleEntry entry in BundleEntry.All)
        {
            if (!entries.TryGetValue(entry.Name, out ReadOnlyMemory<byte> data)) continue;
            if (data.Length > entry.MaxLength)
                throw BundleException.Malformed(source, $"'{entry.Name}' has {data.Length} bytes, expected at most {entry.MaxLength}");
            present.Add((entry, data));
            length += ZipFormat.LocalHeaderLength + ZipFormat.CentralHeaderLength + (2 * entry.Name.Length) + data.Length;
        }
        if (present.Count != entries.Count)
            throw new ArgumentException("An entry is none of the format's.", nameof(entries));

        byte[] file = new byte[length];
        int position = 0;
        List<(BundleEntry Entry, uint Crc, int Length, int Offset)> written = [];
        foreach ((BundleEntry entry, ReadOnlyMemory<byte> data) in present)
        {
            uint crc = Crc32.Of(data.Span);
            written.Add((entry, crc, data.Length, position));
            position += WriteLocal(file.AsSpan(position), entry.Name, crc, data.Length);
            data.Span.CopyTo(file.AsSpan(position));
            position += data.Length;
        }
        int directory = position;
        foreach ((BundleEntry entry, uint crc, int dataLength, int offset) in written)
            position += WriteCentral(file.AsSpan(position), entry.Name, crc, dataLength, offset);
        WriteEnd(file.AsSpan(position), written.Count, directory, position - directory);
        return file;
    }

    private static int WriteLocal(Span<byte> to, string name, uint crc, int length)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, ZipFormat.LocalSignature);
        WriteCommon(to[4..], name, crc, length);
        Encoding.ASCII.GetBytes(name, to[ZipFormat.LocalHeaderLength..]);
        return ZipFormat.LocalHeaderLength + name.Length;
    }

    private static int WriteCentral(Span<byte> to, string name, uint crc, int length, int offset)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, ZipFormat.CentralSignature);
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], ZipFormat.VersionMadeBy);
        WriteCommon(to[6..], name, crc, length);
        // Comment length, disk number and internal attributes (bytes 32 to 37) stay zero.
        BinaryPrimitives.WriteUInt32LittleEndian(to[38..], ZipFormat.ExternalAttributes);
        BinaryPrimitives.WriteUInt32LittleEndian(to[42..], (uint)offset);
        Encoding.ASCII.GetBytes(name, to[ZipFormat.CentralHeaderLength..]);
        return ZipFormat.CentralHeaderLength + name.Length;
    }

    // The 26 bytes that both headers have, from "version needed" to "extra field length" (which stays zero).
    private static void WriteCommon(Span<byte> to, string name, uint crc, int length)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(to, ZipFormat.VersionNeeded);
        BinaryPrimitives.WriteUInt16LittleEndian(to[2..], ZipFormat.Flags);
        BinaryPrimitives.WriteUInt16LittleEndian(to[4..], ZipFormat.Stored);
        BinaryPrimitives.WriteUInt16LittleEndian(to[6..], ZipFormat.Time);
        BinaryPrimitives.WriteUInt16LittleEndian(to[8..], ZipFormat.Date);
        BinaryPrimitives.WriteUInt32LittleEndian(to[10..], crc);
        BinaryPrimitives.WriteUInt32LittleEndian(to[14..], (uint)length);
        BinaryPrimitives.WriteUInt32LittleEndian(to[18..], (uint)length);
        BinaryPrimitives.WriteUInt16LittleEndian(to[22..], (ushort)name.Length);
    }

    private static void WriteEnd(Span<byte> to, int count, int directory, int directoryLength)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, ZipFormat.EndSignature);
        BinaryPrimitives.WriteUInt16LittleEndian(to[8..], (ushort)count);
        BinaryPrimitives.WriteUInt16LittleEndian(to[10..], (ushort)count);
        BinaryPrimitives.WriteUInt32LittleEndian(to[12..], (uint)directoryLength);
        BinaryPrimitives.WriteUInt32LittleEndian(to[16..], (uint)directory);
    }
}
