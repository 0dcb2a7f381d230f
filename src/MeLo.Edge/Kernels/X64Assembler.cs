using System.Buffers.Binary;

namespace MeLo.Edge.Kernels;

/// <summary>A general-purpose register by its number in the encoding.</summary>
internal enum Gpr
{
    Rax = 0,
    Rcx = 1,
    Rdx = 2,
    Rdi = 7,
    R8 = 8,
    R9 = 9,
    R10 = 10,
    R11 = 11,
}

/// <summary>A memory operand: [base + index · scale + displacement].</summary>
internal readonly record struct Address(Gpr Base, int Displacement = 0, Gpr? Index = null, int Scale = 1);

/// <summary>
/// Writes the few x64 instructions that <see cref="ByteTileCode"/> and <see cref="PairTileCode"/> need and .NET has no intrinsics for, or could not keep in registers beside
/// them. Vector registers are zmm0 to zmm31, by number.
/// </summary>
/// <remarks>Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapter 2 (encoding of prefixes) and the instructions' pages.</remarks>
internal sealed class X64Assembler
{
    // Opcode maps and mandatory prefixes as the EVEX prefix has them.
    private const int Map0F = 1, Map0F38 = 2, None = 0, P66 = 1, PF3 = 2;

    private readonly List<byte> _code = [];

    public byte[] Code => [.. _code];

    /// <summary>Where the next instruction begins: a label to jump back to.</summary>
    public int Here => _code.Count;

    // ---- vectors ----

    /// <summary>Sixteen sums, each plus four products of an unsigned byte of <paramref name="bytes"/> with a signed one of <paramref name="weights"/>; nothing is clipped.</summary>
    public void Vpdpbusd(int sums, int bytes, int weights) => Evex(Map0F38, P66, 0x50, sums, bytes, weights);

    /// <summary>Sixteen sums, each plus two products of bfloat16.</summary>
    public void Vdpbf16ps(int sums, int a, int b) => Evex(Map0F38, PF3, 0x52, sums, a, b);

    public void Vpbroadcastd(int to, Address from) => Evex(Map0F38, P66, 0x58, to, 0, from);

    public void Vmovdqu32(int to, Address from) => Evex(Map0F, PF3, 0x6F, to, 0, from);

    public void Vmovups(Address to, int from) => Evex(Map0F, None, 0x11, from, 0, to);

    public void Vpxord(int to, int a, int b) => Evex(Map0F, P66, 0xEF, to, a, b);

    public void Vcvtdq2ps(int to, int from) => Evex(Map0F, None, 0x5B, to, 0, from);

    public void Vaddps(int to, int a, Address b) => Evex(Map0F, None, 0x58, to, a, b);

    /// <summary>to = a · (one float of memory, for all lanes).</summary>
    public void VmulpsBroadcast(int to, int a, Address b) => Evex(Map0F, None, 0x59, to, a, b, broadcast: true);

    public void Vmulps(int to, int a, int b) => Evex(Map0F, None, 0x59, to, a, b);

    /// <summary>to = to · a + b.</summary>
    public void Vfmadd213ps(int to, int a, Address b) => Evex(Map0F38, P66, 0xA8, to, a, b);

    /// <summary>to += a · (one float of memory, for all lanes).</summary>
    public void Vfmadd231psBroadcast(int to, int a, Address b) => Evex(Map0F38, P66, 0xB8, to, a, b, broadcast: true);

    /// <summary>Stores the low 128 bits of a register below 16.</summary>
    public void StoreXmm(Address to, int from) => Vex128(0x11, from, to);

    /// <summary>Loads the low 128 bits of a register below 16.</summary>
    public void LoadXmm(int to, Address from) => Vex128(0x10, to, from);

    public void Vzeroupper() => _code.AddRange([0xC5, 0xF8, 0x77]);

    // ---- addresses and loops ----

    public void Mov(Gpr to, Gpr from) => _code.AddRange([Rex(from, to), 0x89, (byte)(0xC0 | (Low(from) << 3) | Low(to))]);

    public void Mov(Gpr to, int value)
    {
        _code.AddRange([(byte)(0x48 | High(to)), 0xC7, (byte)(0xC0 | Low(to))]);
        Int32(value);
    }

    public void Load(Gpr to, Address from)
    {
        _code.AddRange([Rex(to, from.Base), 0x8B]);
        Operand((int)to, from);
    }

    public void Store(Address to, Gpr from)
    {
        _code.AddRange([Rex(from, to.Base), 0x89]);
        Operand((int)from, to);
    }

    public void Add(Gpr to, Gpr from) => _code.AddRange([Rex(from, to), 0x01, (byte)(0xC0 | (Low(from) << 3) | Low(to))]);

    public void Add(Gpr to, int value)
    {
        _code.AddRange([(byte)(0x48 | High(to)), 0x81, (byte)(0xC0 | Low(to))]);
        Int32(value);
    }

    public void Add(Gpr to, Address from)
    {
        _code.AddRange([Rex(to, from.Base), 0x03]);
        Operand((int)to, from);
    }

    public void PrefetchT1(Gpr at)
    {
        if (High(at) != 0) _code.Add(0x41);
        _code.AddRange([0x0F, 0x18]);
        Operand(2, new Address(at));
    }

    /// <summary>Sets the flags by a register's value.</summary>
    public void Test(Gpr register) => _code.AddRange([Rex(register, register), 0x85, (byte)(0xC0 | (Low(register) << 3) | Low(register))]);

    /// <summary>Jumps forward, where the last result is zero, to where <see cref="Land"/> is called with what this returns.</summary>
    public int JumpIfZero()
    {
        _code.AddRange([0x0F, 0x84]);
        Int32(0);
        return Here;
    }

    /// <summary>Jumps forward to where <see cref="Land"/> is called with what this returns.</summary>
    public int Jump()
    {
        _code.Add(0xE9);
        Int32(0);
        return Here;
    }

    /// <summary>Makes this the place that a jump forward goes to.</summary>
    public void Land(int jump)
    {
        Span<byte> distance = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(distance, Here - jump);
        for (int i = 0; i < distance.Length; i++) _code[jump - sizeof(int) + i] = distance[i];
    }

    /// <summary>Jumps back to a label where the last result is not zero.</summary>
    public void JumpIfNotZero(int label)
    {
        _code.AddRange([0x0F, 0x85]);
        Int32(label - (_code.Count + sizeof(int)));
    }

    public void Return() => _code.Add(0xC3);

    // ---- encoding ----

    private void Evex(int map, int prefix, byte opcode, int reg, int second, int rm)
    {
        // The third operand's number is split over X (bit 4) and B (bit 3), stored inverted like every high bit.
        byte p0 = (byte)(map | Inverted(reg, 8, 0x80) | Inverted(rm, 16, 0x40) | Inverted(rm, 8, 0x20) | Inverted(reg, 16, 0x10));
        EvexRest(p0, prefix, opcode, second, broadcast: false);
        _code.Add((byte)(0xC0 | ((reg & 7) << 3) | (rm & 7)));
    }

    private void Evex(int map, int prefix, byte opcode, int reg, int second, Address rm, bool broadcast = false)
    {
        byte p0 = (byte)(map | Inverted(reg, 8, 0x80) | Inverted((int)(rm.Index ?? 0), 8, 0x40) | Inverted((int)rm.Base, 8, 0x20) | Inverted(reg, 16, 0x10));
        EvexRest(p0, prefix, opcode, second, broadcast);
        Operand(reg, rm);
    }

    private void EvexRest(byte p0, int prefix, byte opcode, int second, bool broadcast)
    {
        byte p1 = (byte)((~second & 15) << 3 | 4 | prefix);                                    // W0
        byte p2 = (byte)(0x40 | (broadcast ? 0x10 : 0) | Inverted(second, 16, 0x08));          // 512 bits, no mask
        _code.AddRange([0x62, p0, p1, p2, opcode]);
    }

    private void Vex128(byte opcode, int reg, Address rm)
    {
        _code.AddRange([0xC5, (byte)(0x78 | Inverted(reg, 8, 0x80)), opcode]);                 // VEX.128.0F.WIG vmovups; the base is below 8
        Operand(reg, rm);
    }

    // ModRM, SIB and a displacement of four bytes: EVEX scales one of a single byte, and nothing here is short of room.
    private void Operand(int reg, Address at)
    {
        bool plain = at.Displacement == 0 && Low(at.Base) != 5;
        int mode = plain ? 0x00 : 0x80, field = (reg & 7) << 3;
        if (at.Index is null && Low(at.Base) != 4) _code.Add((byte)(mode | field | Low(at.Base)));
        else
        {
            int index = at.Index is { } i ? Low(i) : 4;
            _code.AddRange([(byte)(mode | field | 4), (byte)((int.Log2(at.Scale) << 6) | (index << 3) | Low(at.Base))]);
        }
        if (!plain) Int32(at.Displacement);
    }

    private void Int32(int value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        _code.AddRange(bytes);
    }

    private static byte Rex(Gpr reg, Gpr rm) => (byte)(0x48 | (High(reg) << 2) | High(rm));

    private static int Low(Gpr register) => (int)register & 7;

    private static int High(Gpr register) => (int)register >> 3;

    private static int Inverted(int register, int bit, int flag) => (register & bit) == 0 ? flag : 0;
}
