using System.Buffers.Binary;
using System.Text;

namespace MeLo.Edge.Tests;

/// <summary>
/// Shared libraries of 64-bit Linux, made here byte by byte: what they need, and functions of a few instructions of x64. The loader takes them, so that tests can stand in for a driver that
/// this machine does not have.
/// </summary>
internal static class HandMadeElf
{
    public const ushort X64 = 62, Arm64 = 183;
    private const int Page = 4096, HeaderSize = 64, ProgramHeaderSize = 56, SymbolSize = 24, Programs = 4;

    /// <summary>A library.</summary>
    /// <param name="needed">The names of the libraries that it needs.</param>
    /// <param name="functions">What it exports.</param>
    /// <param name="constants">Bytes that lie in it somewhere.</param>
    /// <param name="machine">The processor it is for.</param>
    public static byte[] Of(string[]? needed = null, (string Name, byte[] Code)[]? functions = null, byte[]? constants = null, ushort machine = X64)
    {
        needed ??= [];
        functions ??= [];
        MemoryStream names = new();
        int Name(string text)
        {
            int at = (int)names.Length;
            names.Write(Encoding.ASCII.GetBytes(text + "\0"));
            return at;
        }
        Name("");
        int[] neededAt = [.. needed.Select(Name)];
        int[] functionAt = [.. functions.Select(f => Name(f.Name))];

        // One page that is read and executed: headers, symbols, their hash table, names, code; then one that the loader writes to: the dynamic section.
        int symbols = HeaderSize + (Programs * ProgramHeaderSize);
        int hash = symbols + ((functions.Length + 1) * SymbolSize);
        int strings = hash + ((3 + functions.Length + 1) * sizeof(uint));
        int code = strings + (int)names.Length;
        byte[] body = [.. functions.SelectMany(f => f.Code), .. constants ?? []];
        int dynamic = (code + body.Length + Page - 1) / Page * Page;
        (long Tag, long Value)[] entries =
        [
            .. neededAt.Select(at => (1L, (long)at)), // DT_NEEDED
            (4, hash), (5, strings), (6, symbols), (10, names.Length), (11, SymbolSize), (0, 0), // DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_NULL
        ];
        byte[] file = new byte[dynamic + (entries.Length * 16)];

        byte[] identity = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]; // 64 bits, little-endian, version 1
        identity.CopyTo(file, 0);
        Put16(16, 3); // ET_DYN
        Put16(18, machine);
        Put32(20, 1);
        Put64(32, HeaderSize);
        Put16(52, HeaderSize);
        Put16(54, ProgramHeaderSize);
        Put16(56, Programs);
        Program(0, type: 1, flags: 5, 0, code + body.Length);                     // PT_LOAD, read and execute
        Program(1, type: 1, flags: 6, dynamic, file.Length - dynamic);            // PT_LOAD, read and write
        Program(2, type: 2, flags: 6, dynamic, file.Length - dynamic);            // PT_DYNAMIC
        Program(3, type: 0x6474E551, flags: 6, 0, 0);                             // PT_GNU_STACK: not to be executed
        int address = code;
        for (int i = 0; i < functions.Length; i++)
        {
            int at = symbols + ((i + 1) * SymbolSize);
            Put32(at, (uint)functionAt[i]);
            file[at + 4] = 0x12; // a global function
            Put16(at + 6, 1);
            Put64(at + 8, address);
            Put64(at + 16, functions[i].Code.Length);
            address += functions[i].Code.Length;
        }
        // One bucket, whose chain goes through all of them.
        Put32(hash, 1);
        Put32(hash + 4, (uint)functions.Length + 1);
        Put32(hash + 8, functions.Length > 0 ? 1u : 0);
        for (int i = 1; i < functions.Length; i++) Put32(hash + 12 + (4 * i), (uint)i + 1);
        names.ToArray().CopyTo(file, strings);
        body.CopyTo(file, code);
        for (int i = 0; i < entries.Length; i++)
        {
            Put64(dynamic + (16 * i), entries[i].Tag);
            Put64(dynamic + (16 * i) + 8, entries[i].Value);
        }
        return file;

        void Put16(int at, int value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), (ushort)value);
        void Put32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);
        void Put64(int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(at), value);

        void Program(int index, uint type, uint flags, int offset, int size)
        {
            int at = HeaderSize + (index * ProgramHeaderSize);
            Put32(at, type);
            Put32(at + 4, flags);
            Put64(at + 8, offset);
            Put64(at + 16, offset); // where it is loaded, relative
            Put64(at + 24, offset);
            Put64(at + 32, size);
            Put64(at + 40, size);
            Put64(at + 48, Page);
        }
    }

    /// <summary>The function that returns a number.</summary>
    public static byte[] Returns(int value) => [0xB8, .. BitConverter.GetBytes(value), 0xC3]; // mov eax, value; ret

    /// <summary>The function that stores a number where its first argument points, and returns 0.</summary>
    public static byte[] Stores(int value) => [0xC7, 0x07, .. BitConverter.GetBytes(value), 0x31, 0xC0, 0xC3]; // mov dword [rdi], value; xor eax, eax; ret

    /// <summary>The function that stores its second argument where its first one points, and returns 0.</summary>
    public static byte[] StoresSecond { get; } = [0x89, 0x37, 0x31, 0xC0, 0xC3]; // mov [rdi], esi; xor eax, eax; ret

    /// <summary>The function that points its second argument at a text, and returns 0.</summary>
    public static byte[] PointsSecondAt(string text) =>
        [0x48, 0x8D, 0x05, 6, 0, 0, 0, 0x48, 0x89, 0x06, 0x31, 0xC0, 0xC3, .. Encoding.ASCII.GetBytes(text + "\0")]; // lea rax, [rip + 6]; mov [rsi], rax; xor eax, eax; ret

    /// <summary>NVIDIA's driver as far as it is asked: for a version of CUDA (13000 is 13.0), with so many devices that are all called <c>Fake</c>.</summary>
    public static byte[] CudaDriver(int version, int devices, int initialised = 0) => Of(functions:
    [
        ("cuDriverGetVersion", Stores(version)),
        ("cuInit", Returns(initialised)),
        ("cuDeviceGetCount", Stores(devices)),
        ("cuDeviceGet", StoresSecond),
        ("cuDeviceGetName", [0xC6, 0x47, 4, 0, .. Stores(BitConverter.ToInt32("Fake"u8))]), // mov byte [rdi + 4], 0 first
        ("cuGetErrorName", PointsSecondAt("CUDA_ERROR_NO_DEVICE")),
    ]);
}
