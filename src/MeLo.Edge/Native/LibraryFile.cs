using System.Buffers.Binary;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using System.Text;

namespace MeLo.Edge.Native;

/// <summary>
/// Reads which other libraries a library file needs, without loading it: the loader itself names only the first that is missing. ELF (System V ABI, chapter 5) and PE
/// (Microsoft's "PE Format").
/// </summary>
internal static class LibraryFile
{
    // Larger tables are no library's that this program loads.
    private const int MaximumTable = 1 << 24;

    /// <summary>The names of the libraries that the loader looks for when it loads the file.</summary>
    /// <exception cref="BadImageFormatException">The file is damaged, no library, or one for another processor; the message says what was found and what was expected.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IReadOnlyList<string> Needed(string path)
    {
        using FileStream file = File.OpenRead(path);
        ReadOnlySpan<byte> magic = Read(file, 0, Math.Min(4, file.Length));
        if (magic.SequenceEqual("\u007fELF"u8)) return ElfNeeded(file);
        if (magic.StartsWith("MZ"u8)) return PeNeeded(file);
        throw new BadImageFormatException($"found a file of {file.Length} bytes that is no library, expected one");
    }

    private static List<string> ElfNeeded(FileStream file)
    {
        const int HeaderSize = 64, ProgramHeaderSize = 56, DynamicSize = 16;
        const uint Load = 1, Dynamic = 2;       // PT_
        const long Needed = 1, StringTable = 5; // DT_
        ReadOnlySpan<byte> header = Read(file, 0, HeaderSize);
        if (header[4] != 2 || header[5] != 1) throw new BadImageFormatException("found a library of 32 bits or of big-endian numbers, expected one of 64 bits");
        CheckMachine(BinaryPrimitives.ReadUInt16LittleEndian(header[18..]), x64: 62, arm64: 183); // EM_X86_64, EM_AARCH64
        long offset = BinaryPrimitives.ReadInt64LittleEndian(header[32..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        ReadOnlySpan<byte> programs = Read(file, offset, (long)count * ProgramHeaderSize);
        List<(long Offset, long Address, long Size)> segments = [];
        (long Offset, long Size) dynamic = default;
        for (; programs.Length > 0; programs = programs[ProgramHeaderSize..])
        {
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(programs);
            long at = BinaryPrimitives.ReadInt64LittleEndian(programs[8..]), address = BinaryPrimitives.ReadInt64LittleEndian(programs[16..]);
            long size = BinaryPrimitives.ReadInt64LittleEndian(programs[32..]);
            if (type == Load) segments.Add((at, address, size));
            if (type == Dynamic) dynamic = (at, size);
        }
        if (dynamic.Size == 0) throw new BadImageFormatException("found a program without a dynamic section, expected a library");
        List<long> names = [];
        long strings = -1;
        ReadOnlySpan<byte> entries = Read(file, dynamic.Offset, dynamic.Size);
        for (; entries.Length >= DynamicSize; entries = entries[DynamicSize..])
        {
            long tag = BinaryPrimitives.ReadInt64LittleEndian(entries), value = BinaryPrimitives.ReadInt64LittleEndian(entries[8..]);
            if (tag == 0) break; // DT_NULL
            if (tag == Needed) names.Add(value);
            if (tag == StringTable) strings = value;
        }
        if (names.Count == 0) return [];
        (long Offset, long Address, long Size) home = segments.Find(s => strings >= s.Address && strings - s.Address < s.Size);
        if (home.Size == 0) throw Damaged("its names lie outside of it");
        return names.ConvertAll(name => Text(file, home.Offset + (strings - home.Address) + name));
    }

    private static List<string> PeNeeded(FileStream file)
    {
        file.Position = 0;
        using PEReader reader = new(file, PEStreamOptions.LeaveOpen);
        try
        {
            PEHeaders headers = reader.PEHeaders;
            CheckMachine((ushort)headers.CoffHeader.Machine, (ushort)Machine.Amd64, (ushort)Machine.Arm64);
            // IMAGE_IMPORT_DESCRIPTOR has five numbers, the fourth of them the name's address; IMAGE_DELAYLOAD_DESCRIPTOR is not read: what it names is looked for later, if at all.
            const int Size = 20, Name = 12;
            List<string> names = [];
            if (headers.PEHeader!.ImportTableDirectory is not { Size: > 0 } table) return names;
            BlobReaderAt descriptors = new(reader, table.RelativeVirtualAddress);
            for (int i = 0; descriptors.Number((i * Size) + Name) is not 0 and int address; i++) names.Add(new BlobReaderAt(reader, address).Text());
            return names;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentOutOfRangeException || (e is BadImageFormatException && !IsOurs(e)))
        {
            throw Damaged(e.Message);
        }

        static bool IsOurs(Exception e) => e.Message.StartsWith("found ", StringComparison.Ordinal);
    }

    private static void CheckMachine(ushort found, ushort x64, ushort arm64)
    {
        Architecture here = RuntimeInformation.ProcessArchitecture;
        ushort expected = here == Architecture.Arm64 ? arm64 : x64;
        if (found == expected) return;
        string name = found == x64 ? nameof(Architecture.X64) : found == arm64 ? nameof(Architecture.Arm64) : $"machine {found}";
        throw new BadImageFormatException($"found a library for {name}, expected one for {here}");
    }

    private static byte[] Read(FileStream file, long offset, long length)
    {
        if (offset < 0 || length is < 0 or > MaximumTable || offset > file.Length - length) throw Damaged($"it ends at {file.Length} bytes");
        byte[] bytes = new byte[length];
        file.Position = offset;
        file.ReadExactly(bytes);
        return bytes;
    }

    private static string Text(FileStream file, long offset)
    {
        const int MaximumName = 255; // of a file, on every system
        if (offset < 0 || offset >= file.Length) throw Damaged($"it ends at {file.Length} bytes");
        ReadOnlySpan<byte> text = Read(file, offset, Math.Min(MaximumName + 1, file.Length - offset));
        int end = text.IndexOf((byte)0);
        return end >= 0 ? Encoding.UTF8.GetString(text[..end]) : throw Damaged("a name in it has no end");
    }

    private static BadImageFormatException Damaged(string how) => new($"found a damaged library ({how.Trim()}), expected a whole one");

    /// <summary>What lies at an address of the loaded image.</summary>
    private readonly ref struct BlobReaderAt(PEReader reader, int address)
    {
        private readonly PEMemoryBlock _block = reader.GetSectionData(address);

        public int Number(int offset) => _block.GetReader(offset, sizeof(int)).ReadInt32();

        public string Text()
        {
            System.Reflection.Metadata.BlobReader text = _block.GetReader();
            int end = text.IndexOf(0);
            return end >= 0 ? text.ReadUTF8(end) : throw Damaged("a name in it has no end");
        }
    }
}
