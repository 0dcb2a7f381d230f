using System.Buffers.Binary;
using System.Text;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>A ZIP file whose every field can be wrong. As it comes, it is the container of a bundle.</summary>
internal sealed class HandMadeZip
{
    public List<Entry> Entries { get; } = [];
    public byte[] Prefix { get; set; } = [];
    public byte[] BeforeDirectory { get; set; } = [];
    public byte[] AfterDirectory { get; set; } = [];
    public byte[] Comment { get; set; } = [];
    public byte[] Suffix { get; set; } = [];
    public int DirectoryLengthSkew { get; set; }
    public ushort? Count { get; set; }
    public ushort? TotalCount { get; set; }
    public ushort Disk { get; set; }
    public ushort DirectoryDisk { get; set; }

    public Entry this[string name] => Entries.Single(e => e.Name == name);

    public static HandMadeZip From(byte[] bundle)
    {
        HandMadeZip zip = new();
        foreach ((string name, ReadOnlyMemory<byte> data) in ZipReader.Read(bundle, "bundle")) zip.Entries.Add(new Entry(name, data.ToArray()));
        return zip;
    }

    public byte[] ToBytes()
    {
        List<byte> file = [.. Prefix];
        List<byte> directory = [];
        foreach (Entry entry in Entries)
        {
            int offset = file.Count;
            byte[] name = Encoding.Latin1.GetBytes(entry.LocalName ?? entry.Name);
            file.AddRange(Record(0x04034b50, entry.Version, entry.LocalFlags ?? entry.Flags, entry.LocalMethod ?? entry.Method, entry.LocalTime ?? entry.Time,
                entry.LocalDate ?? entry.Date, entry.LocalCrc ?? entry.Crc, entry.LocalStored ?? entry.Stored, entry.LocalLength ?? entry.Length,
                (ushort)name.Length, (ushort)entry.LocalExtra.Length));
            file.AddRange([.. name, .. entry.LocalExtra, .. entry.Data, .. entry.After]);

            byte[] centralName = Encoding.Latin1.GetBytes(entry.Name);
            byte[] central = Record(0x02014b50, entry.MadeBy, entry.Version, entry.Flags, entry.Method, entry.Time, entry.Date, entry.Crc, entry.Stored, entry.Length,
                (ushort)centralName.Length, (ushort)entry.Extra.Length, (ushort)entry.Comment.Length, entry.Disk, entry.InternalAttributes,
                entry.Attributes, (uint)(entry.Offset ?? offset));
            directory.AddRange([.. central, .. centralName, .. entry.Extra, .. entry.Comment]);
        }
        file.AddRange(BeforeDirectory);
        int start = file.Count;
        file.AddRange(directory);
        file.AddRange(AfterDirectory);
        file.AddRange(Record(0x06054b50, Disk, DirectoryDisk, Count ?? (ushort)Entries.Count, TotalCount ?? Count ?? (ushort)Entries.Count,
            (uint)(directory.Count + DirectoryLengthSkew), (uint)start, (ushort)Comment.Length));
        return [.. file, .. Comment, .. Suffix];
    }

    // Each field by the type it is given as.
    private static byte[] Record(params object[] fields)
    {
        List<byte> bytes = [];
        foreach (object field in fields)
        {
            byte[] four = new byte[4];
            if (field is ushort two) BinaryPrimitives.WriteUInt16LittleEndian(four, two);
            else BinaryPrimitives.WriteUInt32LittleEndian(four, Convert.ToUInt32(field, System.Globalization.CultureInfo.InvariantCulture));
            bytes.AddRange(field is ushort ? four[..2] : four);
        }
        return [.. bytes];
    }

    public sealed class Entry(string name, byte[] data)
    {
        public string Name { get; set; } = name;
        public byte[] Data { get; set; } = data;
        public byte[] After { get; set; } = [];
        public ushort MadeBy { get; set; } = 0x0314;
        public ushort Version { get; set; } = 10;
        public ushort Flags { get; set; }
        public ushort Method { get; set; }
        public ushort Time { get; set; }
        public ushort Date { get; set; } = 0x0021;
        public uint Crc { get; set; } = Crc32.Of(data);
        public uint Stored { get; set; } = (uint)data.Length;
        public uint Length { get; set; } = (uint)data.Length;
        public byte[] Extra { get; set; } = [];
        public byte[] LocalExtra { get; set; } = [];
        public byte[] Comment { get; set; } = [];
        public ushort Disk { get; set; }
        public ushort InternalAttributes { get; set; }
        public uint Attributes { get; set; } = 0x81A40000;
        public long? Offset { get; set; }
        public string? LocalName { get; set; }
        public ushort? LocalFlags { get; set; }
        public ushort? LocalMethod { get; set; }
        public ushort? LocalTime { get; set; }
        public ushort? LocalDate { get; set; }
        public uint? LocalCrc { get; set; }
        public uint? LocalStored { get; set; }
        public uint? LocalLength { get; set; }
    }
}
