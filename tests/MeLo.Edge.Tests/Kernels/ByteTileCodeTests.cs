using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using MeLo.Edge.Kernels;
using MeLo.Edge.Native;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>The machine code, read by a disassembler and run.</summary>
public sealed unsafe partial class ByteTileCodeTests
{
    private static readonly string[] s_mnemonics =
    [
        "add", "je", "jne", "mov", "prefetcht1", "ret", "test", "vaddps", "vcvtdq2ps", "vfmadd213ps", "vfmadd231ps", "vmovdqu32", "vmovups", "vmulps", "vpbroadcastd", "vpdpbusd", "vpxord", "vzeroupper",
    ];

    public static TheoryData<int, bool> Codes
    {
        get
        {
            TheoryData<int, bool> codes = [];
            for (int rows = 1; rows <= TileCall.MaxRows; rows++)
            {
                codes.Add(rows, false);
                codes.Add(rows, true);
            }
            return codes;
        }
    }

    [Theory]
    [MemberData(nameof(Codes))]
    public void Code_IsTheInstructionsOfTheTile(int rows, bool windows)
    {
        IReadOnlyList<Disassembly.Instruction> code = Disassembly.Of(ByteTileCode.Write(rows, windows));
        Assert.DoesNotContain(code, i => i.Text.Contains("(bad)", StringComparison.Ordinal));
        Assert.Empty(code.Select(i => i.Mnemonic).Except(s_mnemonics));
        // Four vectors of columns. The loops: four quads of a whole group, four quads of the last one, one of it.
        Assert.Equal(rows * 4 * (4 + 4 + 1), Count("vpdpbusd"));
        Assert.Equal(rows * (4 + 4 + 1), Count("vpbroadcastd"));
        Assert.Equal((2, 2, 2, 2, 3), (Sums("vpxord"), Sums("vcvtdq2ps"), Sums("vmulps"), Sums("vfmadd231ps"), Sums("vaddps"))); // of a whole group, and of the last; and the residual
        Assert.Equal(1, Sums("vfmadd213ps"));
        Assert.Equal((2, 1, 1), (Count("prefetcht1"), Count("vzeroupper"), Count("ret")));
        Assert.Equal(["vzeroupper", "ret"], code.TakeLast(2).Select(i => i.Mnemonic));
        // Every jump goes to an instruction: back for the three loops and to the next group; forward past groups, loops of no turns, sums and a residual that are not there.
        int[] offsets = [.. code.Select(i => i.Offset)];
        Disassembly.Instruction[] jumps = [.. code.Where(i => i.Mnemonic[0] == 'j')];
        Assert.Equal((6, 4), (Count("je"), Count("jne")));
        Assert.All(jumps, j => Assert.Contains(Target(j), offsets));
        Assert.All(jumps, j => Assert.Equal(j.Mnemonic == "je", Target(j) > j.Offset));

        double Sums(string mnemonic) => Count(mnemonic) / (rows * 4.0);
        int Count(string mnemonic) => code.Count(i => i.Mnemonic == mnemonic);
        static int Target(Disassembly.Instruction jump) => int.Parse(jump.Operands[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    [Theory]
    [MemberData(nameof(Codes))]
    public void Code_UsesNoRegisterOfItsCaller_AndNoStack(int rows, bool windows)
    {
        List<Disassembly.Instruction> code = [.. Disassembly.Of(ByteTileCode.Write(rows, windows))];
        if (windows)
        {
            // Saved before anything else, restored after everything else, each where it was.
            Assert.Equal(Enumerable.Range(0, 10).Select(i => $"XMMWORD PTR {Saved(i)},xmm{6 + i}"), code.Take(10).Select(i => i.Operands));
            Assert.Equal(Enumerable.Range(0, 10).Select(i => $"xmm{6 + i},XMMWORD PTR {Saved(i)}"), code.TakeLast(12).SkipLast(2).Select(i => i.Operands));
            Assert.All(code.Take(10).Concat(code.TakeLast(12).SkipLast(2)), i => Assert.Equal("vmovups", i.Mnemonic));
            code = code[10..^12];
            Assert.DoesNotContain(code, i => i.Text.Contains("xmm", StringComparison.Ordinal));
            Assert.Equal(160, sizeof(TileCall) - (int)Marshal.OffsetOf<TileCall>(nameof(TileCall.Saved)));
        }
        else
        {
            Assert.Equal("mov rcx,rdi", string.Join(' ', code[0].Text.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
            code.RemoveAt(0);
        }
        // Volatile in both conventions; of the vectors, System V keeps none and Windows the low halves of 6 to 15.
        string[] used = [.. code.SelectMany(i => GeneralRegister().Matches(i.Operands).Select(m => m.Value)).Distinct()];
        Assert.Empty(used.Except(["rax", "rcx", "rdx", "r8", "r9", "r10", "r11"]));

        static string Saved(int index) => $"[rcx+0x{(int)Marshal.OffsetOf<TileCall>(nameof(TileCall.Saved)) + (16 * index):x}]";
    }

    // Windows' form runs here too, through a few instructions that turn one convention into the other and watch the registers.
    [Fact]
    public void WindowsForm_ComputesTheSame_AndGivesItsCallersRegistersBack()
    {
        Assert.SkipUnless(ByteTileCode.IsSupported && OperatingSystem.IsLinux(), "needs AVX-512 VNNI and System V's convention");
        byte[] memory = GC.AllocateArray<byte>(sizeof(TileCall) + 320, pinned: true);
        fixed (byte* at = memory)
        {
            Span<byte> before = memory.AsSpan(sizeof(TileCall), 160), after = memory.AsSpan(sizeof(TileCall) + 160);
            for (int rows = 1; rows <= TileCall.MaxRows; rows++)
            {
                var enter = (delegate* unmanaged<byte*, void>)ExecutableMemory.Place(Entered(ByteTileCode.Write(rows, windows: true)));
                Assert.True(enter != null);
                foreach ((int groups, int fourQuads, int oddQuads) in ((int, int, int)[])[(1, 0, 1), (1, 16, 0), (3, 5, 2)])
                {
                    using TileCase tile = new(rows, groups, fourQuads, oddQuads);
                    float[] expected = tile.Run(ByteTilePath.Scalar);
                    *(TileCall*)at = tile.Call();
                    new Random(rows).NextBytes(before);
                    after.Clear();
                    enter(at);
                    Assert.True(before.SequenceEqual(after), "a register of the caller is not as it was");
                    Assert.Equal(MemoryMarshal.AsBytes<float>(expected), MemoryMarshal.AsBytes<float>(tile.Results()));
                }
            }
        }
    }

    // System V's first argument is rdi: fill xmm6 to xmm15 from behind the call, call the code with rcx, store them behind that.
    private static byte[] Entered(byte[] code)
    {
        X64Assembler enter = new(), leave = new();
        enter.Mov(Gpr.Rcx, Gpr.Rdi);
        for (int i = 0; i < 10; i++)
        {
            enter.LoadXmm(6 + i, new Address(Gpr.Rdi, sizeof(TileCall) + (16 * i)));
            leave.StoreXmm(new Address(Gpr.Rdi, sizeof(TileCall) + 160 + (16 * i)), 6 + i);
        }
        leave.Return();
        byte[] end = leave.Code;
        return [.. enter.Code, 0xE8, .. BitConverter.GetBytes(end.Length), .. end, .. code]; // call past the end
    }

    [GeneratedRegex(@"\b(r[a-z]{2}|r\d+|e[a-z]{2})[a-z]?\b")]
    private static partial Regex GeneralRegister();
}
