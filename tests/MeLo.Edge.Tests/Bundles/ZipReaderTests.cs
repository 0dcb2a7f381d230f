using System.IO.Compression;
using System.Text;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>One trick a test; each is the container of a valid bundle with one thing wrong.</summary>
public sealed class ZipReaderTests
{
    private const string Adapter = "adapter.safetensors";

    private static readonly byte[] s_unsigned = TestBundles.Write(null, TestBundles.Preview);

    public static TheoryData<string, Action<HandMadeZipBox>, string> Tricks { get; } = new()
    {
        { "unknown entry", z => z.Zip.Entries.Add(new("readme.txt", [1])), "an entry named 'readme.txt'" },
        { "executable beside the rest", z => z.Zip.Entries.Insert(0, new("run.sh", [1])), "an entry named 'run.sh'" },
        { "name in a folder", z => Rename(z.Zip[Adapter], "x/adapter.safetensors"), "an entry named 'x/adapter.safetensors'" },
        { "name with a backslash", z => Rename(z.Zip[Adapter], "x\\adapter.safetensors"), "an entry named 'x\\adapter.safetensors'" },
        { "name above the root", z => Rename(z.Zip[Adapter], "../adapter.safetensors"), "an entry named '../adapter.safetensors'" },
        { "absolute name", z => Rename(z.Zip[Adapter], "/adapter.safetensors"), "an entry named '/adapter.safetensors'" },
        { "name with a dot in front", z => Rename(z.Zip[Adapter], "./adapter.safetensors"), "an entry named './adapter.safetensors'" },
        { "name in upper case", z => Rename(z.Zip[Adapter], "ADAPTER.safetensors"), "an entry named 'ADAPTER.safetensors'" },
        { "name cut by a zero byte", z => Rename(z.Zip[Adapter], "adapter.safetensors\0"), "an entry named 'adapter.safetensors?'" },
        { "name with an escape sequence", z => Rename(z.Zip[Adapter], "\u001b[2Jx"), "an entry named '?[2Jx'" },
        { "empty name", z => Rename(z.Zip[Adapter], ""), "an entry named ''" },
        { "folder entry", z => z.Zip.Entries.Add(new("x/", [])), "an entry named 'x/'" },
        { "repeated entry", z => z.Zip.Entries.Insert(1, new("adapter.json", z.Zip["adapter.json"].Data)), "'adapter.json': appears twice" },
        { "other order", z => z.Zip.Entries.Reverse(0, 2), "is missing" },
        { "signature before preview", z => { z.Zip.Entries.Insert(3, new("model.sig", [1])); }, "'preview.png': comes after 'model.sig'" },
        { "description missing", z => z.Zip.Entries.RemoveAt(0), "'adapter.json': is missing" },
        { "probe missing", z => z.Zip.Entries.RemoveAt(2), "'probe.safetensors': is missing" },
        { "no entries", z => z.Zip.Entries.Clear(), "'adapter.json': is missing" },
        { "symbolic link", z => z.Zip[Adapter].Attributes = 0xA1FF0000, "is a symbolic link" },
        { "device file", z => z.Zip[Adapter].Attributes = 0x21A40000, "found external attributes" },
        { "executable mode", z => z.Zip[Adapter].Attributes = 0x81ED0000, "found external attributes" },
        { "DOS attributes", z => z.Zip[Adapter].Attributes = 0x81A40020, "found external attributes" },
        { "internal attributes", z => z.Zip[Adapter].InternalAttributes = 1, "found internal attributes 1" },
        { "encrypted", z => z.Zip[Adapter].Flags = 1, "is encrypted" },
        { "strong encryption", z => z.Zip[Adapter].Flags = 0x41, "is encrypted" },
        { "data descriptor", z => z.Zip[Adapter].Flags = 8, "found flags 8" },
        { "UTF-8 flag", z => z.Zip[Adapter].Flags = 0x800, "found flags 2048" },
        { "flags in the local header only", z => z.Zip[Adapter].LocalFlags = 8, "'adapter.safetensors' in its local header: found flags 8" },
        { "encrypted in the local header only", z => z.Zip[Adapter].LocalFlags = 1, "is encrypted" },
        { "deflated", z => z.Zip[Adapter].Method = 8, "found compression method 8" },
        { "deflated in the local header only", z => z.Zip[Adapter].LocalMethod = 8, "in its local header: found compression method 8" },
        { "version 4.5, zip64's", z => z.Zip[Adapter].Version = 45, "found version needed 45" },
        { "made by another system", z => z.Zip[Adapter].MadeBy = 20, "found version made by 20" },
        { "a time", z => z.Zip[Adapter].Time = 1, "found time 1" },
        { "a date", z => z.Zip[Adapter].Date = 0x5C21, "found date" },
        { "a time in the local header only", z => z.Zip[Adapter].LocalTime = 1, "in its local header: found time 1" },
        { "a date in the local header only", z => z.Zip[Adapter].LocalDate = 0, "in its local header: found date 0" },
        { "extra field", z => z.Zip[Adapter].Extra = [0x75, 0x70, 0, 0], "'adapter.safetensors' in the directory: found extra field length 4" },
        { "extra field in the local header", z => z.Zip[Adapter].LocalExtra = [0x75, 0x70, 0, 0], "in its local header: found extra field length 4" },
        { "entry comment", z => z.Zip[Adapter].Comment = [65], "found comment length 1" },
        { "other disk", z => z.Zip[Adapter].Disk = 1, "found disk number 1" },
        { "other name in the local header", z => z.Zip[Adapter].LocalName = "adapter.safetensorz", "its local header names it 'adapter.safetensorz'" },
        { "longer name in the local header", z => z.Zip[Adapter].LocalName = "adapter.safetensors2", "in its local header: found name length 20" },
        { "other CRC in the local header", z => z.Zip[Adapter].LocalCrc = 1, "in its local header: found CRC-32 1" },
        { "other size in the local header", z => z.Zip[Adapter].LocalLength = 1, "in its local header: found size 1" },
        { "other stored size in the local header", z => z.Zip[Adapter].LocalStored = 1, "in its local header: found compressed size 1" },
        { "sizes differ", z => z.Zip[Adapter].Stored = 7, "found compressed size 7" },
        { "size smaller than the data", z => Resize(z.Zip[Adapter], -1), "expected" },
        { "size larger than the data", z => Resize(z.Zip[Adapter], 1), "expected" },
        { "data longer than declared, last entry", z => z.Zip.Entries[^1].After = [1], "found 1 bytes between the last entry and the directory" },
        { "size beyond the file", z => Resize(z.Zip.Entries[^1], 100), "a size of 111 bytes is recorded, and there are 11 before the directory" },
        { "adapter over its limit", z => Resize(z.Zip[Adapter], (256 << 20) + 1), "expected at most 268435456" },
        { "description over its limit", z => Resize(z.Zip["adapter.json"], 256 << 10), "expected at most 262144" },
        { "probe over its limit", z => Resize(z.Zip["probe.safetensors"], 16 << 20), "expected at most 16777216" },
        { "preview over its limit", z => Resize(z.Zip["preview.png"], 1 << 20), "expected at most 1048576" },
        { "zip64 sizes", z => { z.Zip[Adapter].Length = uint.MaxValue; z.Zip[Adapter].Stored = uint.MaxValue; }, "a size of 4294967295 bytes is recorded" },
        { "zip64 offset", z => z.Zip[Adapter].Offset = uint.MaxValue, "its record points to byte 4294967295" },
        { "two records for the same data", z => z.Zip["probe.safetensors"].Offset = 0, "its record points to byte 0" },
        { "bytes before the first entry", z => z.Zip.Prefix = "MZ"u8.ToArray(), "its record points to byte 2, expected 0" },
        { "bytes before the first entry, offsets as if not", z => { z.Zip.Prefix = [0]; Shift(z.Zip, -1); }, "does not start with a local header" },
        { "gap between entries", z => z.Zip[Adapter].After = [0], "its record points to byte" },
        { "gap before the directory", z => z.Zip.BeforeDirectory = [0], "found 1 bytes between the last entry and the directory" },
        { "gap after the directory", z => z.Zip.AfterDirectory = [0], "expected it to end where the end record starts" },
        { "bytes after the records, counted", z => { z.Zip.AfterDirectory = [0]; z.Zip.DirectoryLengthSkew = 1; }, "found 1 bytes after the directory's 4 records" },
        { "zip64 end records", z => z.Zip.AfterDirectory = Zip64End(), "expected it to end where the end record starts" },
        { "comment", z => z.Zip.Comment = "hello"u8.ToArray(), "not a ZIP end record" },
        { "comment that is an end record", z => z.Zip.Comment = new HandMadeZip().ToBytes(), "expected it to end where the end record starts" },
        { "bytes after the end record", z => z.Zip.Suffix = [0], "not a ZIP end record" },
        { "fewer entries counted", z => z.Zip.Count = 3, "found" },
        { "more entries counted", z => z.Zip.Count = 5, "record 4 is missing" },
        { "thousands of entries counted", z => z.Zip.Count = 0xFFFF, "found 65535 entries" },
        { "counts differ", z => z.Zip.TotalCount = 5, "found total number of entries 5" },
        { "disk number", z => z.Zip.Disk = 1, "found disk number 1" },
        { "directory on another disk", z => z.Zip.DirectoryDisk = 1, "found directory disk number 1" },
    };

    [Theory]
    [MemberData(nameof(Tricks))]
    public void Trick_IsRefused(string trick, Action<HandMadeZipBox> apply, string message)
    {
        HandMadeZip zip = HandMadeZip.From(s_unsigned);
        apply(new HandMadeZipBox(zip));
        Assert.NotEmpty(trick);
        TestBundles.Refused(BundleRefusal.Malformed, () => ZipReader.Read(zip.ToBytes(), "a.melo"), message);
    }

    [Fact]
    public void HandMadeZipWithoutATrick_IsWhatTheWriterWrites() => Assert.Equal(s_unsigned, HandMadeZip.From(s_unsigned).ToBytes());

    [Fact]
    public void WrongCrc_IsTampered()
    {
        HandMadeZip zip = HandMadeZip.From(s_unsigned);
        zip[Adapter].Crc ^= 1;
        TestBundles.Refused(BundleRefusal.Tampered, () => ZipReader.Read(zip.ToBytes(), "a.melo"), "'adapter.safetensors': found data with CRC-32");
    }

    [Theory]
    [InlineData("")]
    [InlineData("PK")]
    [InlineData("this is no ZIP file but long enough to hold an end record")]
    public void OtherFiles_AreRefused(string content) =>
        TestBundles.Refused(BundleRefusal.Malformed, () => ZipReader.Read(Encoding.ASCII.GetBytes(content), "a.melo"));

    [Fact]
    public void ZipOfTheFrameworkWithTheSameContent_IsRefused()
    {
        using MemoryStream stream = new();
        using (ZipArchive archive = new(stream, ZipArchiveMode.Create, leaveOpen: true))
            foreach (HandMadeZip.Entry entry in HandMadeZip.From(s_unsigned).Entries)
                using (Stream data = archive.CreateEntry(entry.Name, CompressionLevel.NoCompression).Open())
                    data.Write(entry.Data);
        TestBundles.Refused(BundleRefusal.Malformed, () => ZipReader.Read(stream.ToArray(), "a.melo"));
    }

    [Fact]
    public void WrittenContainer_IsReadByTheFramework()
    {
        using ZipArchive archive = new(new MemoryStream(s_unsigned), ZipArchiveMode.Read);
        Assert.Equal(["adapter.json", "adapter.safetensors", "probe.safetensors", "preview.png"], archive.Entries.Select(e => e.FullName));
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            using MemoryStream data = new();
            using (Stream stream = entry.Open()) stream.CopyTo(data); // checks the CRC-32
            Assert.Equal(HandMadeZip.From(s_unsigned)[entry.FullName].Data, data.ToArray());
        }
    }

    [Theory]
    [InlineData("", 0u)]
    [InlineData("123456789", 0xCBF43926u)] // the check value of CRC-32/ISO-HDLC in every catalogue
    [InlineData("The quick brown fox jumps over the lazy dog", 0x414FA339u)]
    public void Crc32_OfKnownText(string text, uint expected) => Assert.Equal(expected, Crc32.Of(Encoding.ASCII.GetBytes(text)));

    private static void Rename(HandMadeZip.Entry entry, string name) => entry.Name = name;

    private static void Resize(HandMadeZip.Entry entry, int by)
    {
        entry.Length = (uint)(entry.Length + by);
        entry.Stored = entry.Length;
    }

    private static void Shift(HandMadeZip zip, int by)
    {
        long offset = zip.Prefix.Length;
        foreach (HandMadeZip.Entry entry in zip.Entries)
        {
            entry.Offset = offset + by;
            offset += 30 + entry.Name.Length + entry.Data.Length;
        }
    }

    private static byte[] Zip64End()
    {
        byte[] records = new byte[56 + 20];
        "PK\x06\x06"u8.CopyTo(records);
        records[4] = 44;
        "PK\x06\x07"u8.CopyTo(records.AsSpan(56));
        return records;
    }
}

/// <summary>xunit wants public parameters of public tests.</summary>
public sealed class HandMadeZipBox
{
    internal HandMadeZipBox(HandMadeZip zip) => Zip = zip;

    internal HandMadeZip Zip { get; }
}
