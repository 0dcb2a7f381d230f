using System.Buffers.Binary;
using System.Text;

namespace MeLo.Edge.Bundles;

/// <summary>
/// Reads the ZIP container of a bundle and nothing else. General ZIP readers search for records and forgive; this one knows where
/// every record must lie and what every field must be, so that a byte which means nothing cannot exist.
/// </summary>
/// <remarks>Nothing is copied: the entries are slices of the bytes given.</remarks>
internal static class ZipReader
{
    /// <summary>One record of the central directory, fixed fields already checked.</summary>
    private readonly record struct Record(BundleEntry Entry, uint Crc, int Length, uint Offset);

    /// <summary>The contents of the entries by name.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="source">What to call it in error messages.</param>
    /// <exception cref="BundleException">The container is not exactly what the format defines, or an entry's CRC-32 is not the recorded one.</exception>
    public static IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Read(ReadOnlyMemory<byte> file, string source)
    {
        if (file.Length > BundleEntry.MaxFileLength)
            throw BundleException.Malformed(source, $"found {file.Length} bytes, expected at most {BundleEntry.MaxFileLength}");
        (int directory, int count) = ReadEnd(file.Span, source);
        IReadOnlyList<Record> records = ReadDirectory(file.Span, directory, count, source);

        Dictionary<string, ReadOnlyMemory<byte>> entries = new(StringComparer.Ordinal);
        int position = 0;
        foreach (Record record in records)
        {
            if (record.Offset != position)
                throw Fault(source, record.Entry.Name, $"its record points to byte {record.Offset}, expected {position}: entries follow each other from the start of the file without gap or overlap");
            // The directory starts where the last entry ends, so an entry that runs into it is longer than the file has room for.
            int room = directory - position;
            int header = ZipFormat.LocalHeaderLength + record.Entry.Name.Length;
            if (record.Length > room - header)
                throw Fault(source, record.Entry.Name, $"a size of {record.Length} bytes is recorded, and there are {Math.Max(0, room - header)} before the directory");
            ReadLocal(file.Span.Slice(position, header), record, source);
            entries.Add(record.Entry.Name, file.Slice(position + header, record.Length));
            position += header + record.Length;
        }
        if (position != directory)
            throw BundleException.Malformed(source, $"found {directory - position} bytes between the last entry and the directory at {directory}, expected none");
        foreach (Record record in records) CheckData(entries[record.Entry.Name].Span, record, source);
        return entries;
    }

    private static (int Directory, int Count) ReadEnd(ReadOnlySpan<byte> file, string source)
    {
        if (file.Length < ZipFormat.EndLength)
            throw BundleException.Malformed(source, $"found {file.Length} bytes, expected a ZIP file");
        ReadOnlySpan<byte> end = file[^ZipFormat.EndLength..];
        if (U32(end, 0) != ZipFormat.EndSignature)
            throw BundleException.Malformed(source, "the last 22 bytes are not a ZIP end record: the file is cut short, is not a ZIP file, or has a comment or other bytes after the end record");
        Expect(U16(end, 4), 0, "disk number");
        Expect(U16(end, 6), 0, "directory disk number");
        int count = U16(end, 8);
        Expect(U16(end, 10), (uint)count, "total number of entries");
        Expect(U16(end, 20), 0, "comment length");
        uint length = U32(end, 12);
        uint directory = U32(end, 16);
        if (count > BundleEntry.All.Count)
            throw BundleException.Malformed(source, $"found {count} entries, expected at most {BundleEntry.All.Count}");
        if ((ulong)directory + length != (ulong)(file.Length - ZipFormat.EndLength))
            throw BundleException.Malformed(source, $"the directory is recorded at byte {directory} with {length} bytes, expected it to end where the end record starts, at {file.Length - ZipFormat.EndLength}");
        return ((int)directory, count);

        void Expect(uint found, uint expected, string field) => Check(found, expected, source, "the end record", field);
    }

    private static List<Record> ReadDirectory(ReadOnlySpan<byte> file, int directory, int count, string source)
    {
        ReadOnlySpan<byte> rest = file[directory..^ZipFormat.EndLength];
        List<Record> records = [];
        int next = 0;
        for (int i = 0; i < count; i++)
        {
            if (rest.Length < ZipFormat.CentralHeaderLength || U32(rest, 0) != ZipFormat.CentralSignature)
                throw BundleException.Malformed(source, $"the directory's record {i} is missing or does not start with its signature");
            int nameLength = U16(rest, 28);
            if (nameLength > rest.Length - ZipFormat.CentralHeaderLength)
                throw BundleException.Malformed(source, $"the directory's record {i} has a name of {nameLength} bytes, longer than the directory");
            int index = FindEntry(rest.Slice(ZipFormat.CentralHeaderLength, nameLength), source);
            BundleEntry entry = BundleEntry.All[index];
            if (records.Exists(r => r.Entry == entry)) throw Fault(source, entry.Name, "appears twice");
            if (index < next) throw Fault(source, entry.Name, $"comes after '{records[^1].Entry.Name}', expected the order {string.Join(", ", BundleEntry.All.Select(e => e.Name))}");
            for (; next < index; next++) RequireOptional(BundleEntry.All[next], source);
            next = index + 1;
            records.Add(ReadCentral(rest, entry, source));
            rest = rest[(ZipFormat.CentralHeaderLength + nameLength)..];
        }
        for (; next < BundleEntry.All.Count; next++) RequireOptional(BundleEntry.All[next], source);
        if (!rest.IsEmpty)
            throw BundleException.Malformed(source, $"found {rest.Length} bytes after the directory's {count} records, expected none");
        return records;
    }

    private static void RequireOptional(BundleEntry entry, string source)
    {
        if (entry.Required) throw Fault(source, entry.Name, "is missing");
    }

    private static int FindEntry(ReadOnlySpan<byte> name, string source)
    {
        for (int i = 0; i < BundleEntry.All.Count; i++)
            if (Ascii.Equals(name, BundleEntry.All[i].Name)) return i;
        throw BundleException.Malformed(source, $"found an entry named '{PrintableText.Of(name)}', expected only {string.Join(", ", BundleEntry.All.Select(e => e.Name))} at the root");
    }

    private static Record ReadCentral(ReadOnlySpan<byte> record, BundleEntry entry, string source)
    {
        uint attributes = U32(record, 38);
        if (((attributes >> ZipFormat.FileModeShift) & ZipFormat.FileTypeMask) == ZipFormat.SymbolicLink)
            throw Fault(source, entry.Name, "is a symbolic link, expected a regular file");
        Expect(U16(record, 4), ZipFormat.VersionMadeBy, "version made by");
        CheckCommon(record[6..], entry, source, "the directory");
        Expect(U16(record, 32), 0, "comment length");
        Expect(U16(record, 34), 0, "disk number");
        Expect(U16(record, 36), 0, "internal attributes");
        Expect(attributes, ZipFormat.ExternalAttributes, "external attributes");
        uint length = U32(record, 24);
        if (length > entry.MaxLength)
            throw Fault(source, entry.Name, $"a size of {length} bytes is recorded, expected at most {entry.MaxLength}");
        Expect(U32(record, 20), length, "compressed size");
        return new Record(entry, U32(record, 16), (int)length, U32(record, 42));

        void Expect(uint found, uint expected, string field) => Check(found, expected, source, $"'{entry.Name}' in the directory", field);
    }

    private static void ReadLocal(ReadOnlySpan<byte> header, Record record, string source)
    {
        BundleEntry entry = record.Entry;
        if (U32(header, 0) != ZipFormat.LocalSignature) throw Fault(source, entry.Name, "does not start with a local header");
        CheckCommon(header[4..], entry, source, "its local header");
        Expect(U32(header, 14), record.Crc, "CRC-32");
        Expect(U32(header, 18), (uint)record.Length, "compressed size");
        Expect(U32(header, 22), (uint)record.Length, "size");
        Expect(U16(header, 26), (uint)entry.Name.Length, "name length");
        ReadOnlySpan<byte> name = header[ZipFormat.LocalHeaderLength..];
        if (!Ascii.Equals(name, entry.Name)) throw Fault(source, entry.Name, $"its local header names it '{PrintableText.Of(name)}'");

        void Expect(uint found, uint expected, string field) => Check(found, expected, source, $"'{entry.Name}' in its local header", field);
    }

    // What both headers have in common, from "version needed"; sizes, CRC and name are compared by the callers.
    private static void CheckCommon(ReadOnlySpan<byte> fields, BundleEntry entry, string source, string where)
    {
        string place = $"'{entry.Name}' in {where}";
        ushort flags = U16(fields, 2);
        if ((flags & 1) != 0) throw Fault(source, entry.Name, "is encrypted, expected it in the clear");
        Check(flags, ZipFormat.Flags, source, place, "flags");
        Check(U16(fields, 4), ZipFormat.Stored, source, place, "compression method");
        Check(U16(fields, 0), ZipFormat.VersionNeeded, source, place, "version needed");
        Check(U16(fields, 6), ZipFormat.Time, source, place, "time");
        Check(U16(fields, 8), ZipFormat.Date, source, place, "date");
        Check(U16(fields, 24), 0, source, place, "extra field length");
    }

    private static void CheckData(ReadOnlySpan<byte> data, Record record, string source)
    {
        uint crc = Crc32.Of(data);
        if (crc != record.Crc)
            throw BundleException.Tampered(source, $"'{record.Entry.Name}': found data with CRC-32 {crc:x8}, expected the recorded {record.Crc:x8}");
    }

    private static void Check(uint found, uint expected, string source, string place, string field)
    {
        if (found != expected) throw BundleException.Malformed(source, $"{place}: found {field} {found}, expected {expected}");
    }

    private static BundleException Fault(string source, string entry, string fault) => BundleException.Malformed(source, $"'{entry}': {fault}");

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
