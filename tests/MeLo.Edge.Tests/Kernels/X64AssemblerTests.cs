using System.Globalization;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>Every instruction that we write, with every kind of operand, read back by a disassembler.</summary>
public sealed class X64AssemblerTests
{
    // One of each half of the prefixes' bits.
    private static readonly int[] s_vectors = [0, 5, 7, 8, 13, 15, 16, 21, 23, 24, 31];

    private static readonly Gpr[] s_registers = Enum.GetValues<Gpr>();

    private static readonly (Address At, string Text)[] s_addresses = [.. Addresses()];

    private readonly X64Assembler _code = new();
    private readonly List<string> _expected = [];

    [Fact]
    public void VectorInstructions_AreWhatTheirNamesSay_WithEveryRegister()
    {
        foreach (int a in s_vectors)
        {
            foreach (int b in s_vectors)
            {
                foreach (int c in s_vectors)
                {
                    Expect($"vpdpbusd zmm{a},zmm{b},zmm{c}", () => _code.Vpdpbusd(a, b, c));
                    Expect($"vdpbf16ps zmm{a},zmm{b},zmm{c}", () => _code.Vdpbf16ps(a, b, c));
                    Expect($"vmulps zmm{a},zmm{b},zmm{c}", () => _code.Vmulps(a, b, c));
                    Expect($"vpxord zmm{a},zmm{b},zmm{c}", () => _code.Vpxord(a, b, c));
                }
                Expect($"vcvtdq2ps zmm{a},zmm{b}", () => _code.Vcvtdq2ps(a, b));
            }
        }
        AssertRead();
    }

    [Fact]
    public void VectorsAndMemory_AreWhatTheirNamesSay_AtEveryAddress()
    {
        foreach ((Address at, string text) in s_addresses)
        {
            foreach (int a in s_vectors)
            {
                Expect($"vpbroadcastd zmm{a},DWORD PTR {text}", () => _code.Vpbroadcastd(a, at));
                Expect($"vmovdqu32 zmm{a},ZMMWORD PTR {text}", () => _code.Vmovdqu32(a, at));
                Expect($"vmovups ZMMWORD PTR {text},zmm{a}", () => _code.Vmovups(at, a));
                foreach (int b in s_vectors)
                {
                    Expect($"vaddps zmm{a},zmm{b},ZMMWORD PTR {text}", () => _code.Vaddps(a, b, at));
                    Expect($"vfmadd213ps zmm{a},zmm{b},ZMMWORD PTR {text}", () => _code.Vfmadd213ps(a, b, at));
                    Expect($"vmulps zmm{a},zmm{b},DWORD BCST {text}", () => _code.VmulpsBroadcast(a, b, at));
                    Expect($"vfmadd231ps zmm{a},zmm{b},DWORD BCST {text}", () => _code.Vfmadd231psBroadcast(a, b, at));
                }
            }
        }
        AssertRead();
    }

    [Fact]
    public void LowHalvesAndMemory_AreWhatTheirNamesSay()
    {
        foreach ((Address at, string text) in s_addresses.Where(a => a.At.Base < Gpr.R8 && a.At.Index is null))
        {
            for (int i = 0; i < 16; i++)
            {
                int register = i;
                Expect($"vmovups XMMWORD PTR {text},xmm{i}", () => _code.StoreXmm(at, register));
                Expect($"vmovups xmm{i},XMMWORD PTR {text}", () => _code.LoadXmm(register, at));
            }
        }
        AssertRead();
    }

    [Fact]
    public void GeneralInstructions_AreWhatTheirNamesSay_WithEveryRegister()
    {
        foreach (Gpr a in s_registers)
        {
            foreach (Gpr b in s_registers)
            {
                Expect($"mov {Name(a)},{Name(b)}", () => _code.Mov(a, b));
                Expect($"add {Name(a)},{Name(b)}", () => _code.Add(a, b));
            }
            foreach ((Address at, string text) in s_addresses.Where(s => s.At.Index is null))
            {
                Expect($"mov {Name(a)},QWORD PTR {text}", () => _code.Load(a, at));
                Expect($"add {Name(a)},QWORD PTR {text}", () => _code.Add(a, at));
                Expect($"mov QWORD PTR {text},{Name(a)}", () => _code.Store(at, a));
            }
            Expect($"mov {Name(a)},0x10", () => _code.Mov(a, 0x10));
            Expect($"add {Name(a)},0x40", () => _code.Add(a, 0x40));
            Expect($"add {Name(a)},0x12345678", () => _code.Add(a, 0x12345678));
            Expect($"add {Name(a)},0xffffffffffffffff", () => _code.Add(a, -1));
            Expect($"test {Name(a)},{Name(a)}", () => _code.Test(a));
            Expect($"prefetcht1 BYTE PTR [{Name(a)}]", () => _code.PrefetchT1(a));
        }
        Expect("vzeroupper", _code.Vzeroupper);
        Expect("ret", _code.Return);
        AssertRead();
    }

    [Fact]
    public void Jumps_GoWhereTheyShould()
    {
        int turn = _code.Here;
        _code.Add(Gpr.R9, 64);                        // 7 bytes
        int past = _code.JumpIfZero();                // 6
        _code.JumpIfNotZero(turn);                    // 6
        int end = _code.Jump();                       // 5
        _code.Land(past);
        _code.Return();                               // 1
        _code.Land(end);
        _code.Return();
        _expected.AddRange(["add r9,0x40", "je 0x18", "jne 0x0", "jmp 0x19", "ret", "ret"]);
        AssertRead();
    }

    private static IEnumerable<(Address, string)> Addresses()
    {
        foreach (Gpr at in s_registers)
        {
            foreach (int displacement in (int[])[0, 4, 64, 0x1234, -8])
            {
                string tail = displacement == 0 ? "" : displacement > 0 ? $"+0x{displacement:x}" : $"-0x{-displacement:x}";
                yield return (new Address(at, displacement), $"[{Name(at)}{tail}]");
                foreach (Gpr index in (Gpr[])[Gpr.Rax, Gpr.Rdi, Gpr.R8, Gpr.R11])
                    foreach (int scale in (int[])[1, 2, 4, 8])
                        yield return (new Address(at, displacement, index, scale), $"[{Name(at)}+{Name(index)}*{scale.ToString(CultureInfo.InvariantCulture)}{tail}]");
            }
        }
    }

    private static string Name(Gpr register) => register.ToString().ToLowerInvariant();

    private void Expect(string text, Action write)
    {
        _expected.Add(text);
        write();
    }

    // Older versions of the program write a broadcast as DWORD PTR [...]{1to16}.
    private void AssertRead()
    {
        string[] read = [.. Disassembly.Of(_code.Code).Select(i => string.Join(' ', i.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
        Assert.Equal(_expected, read.Select(t => t.EndsWith("{1to16}", StringComparison.Ordinal) ? t[..^7].Replace("DWORD PTR", "DWORD BCST", StringComparison.Ordinal) : t));
    }
}
