using System.Runtime.InteropServices;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>The machine code, read by a disassembler and run.</summary>
public sealed unsafe class ByteTileCodeTests
{
    private static readonly string[] s_mnemonics =
    [
        "add", "je", "jmp", "jne", "mov", "prefetcht1", "ret", "test", "vaddps", "vcvtdq2ps", "vfmadd213ps", "vfmadd231ps", "vmovdqu32", "vmovups", "vmulps", "vpbroadcastd", "vpdpbusd", "vpxord", "vzeroupper",
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
        // Of a whole group, and of the last; onto the bias, or the sums so far; the columns' scales times the sums of weights; the residual.
        Assert.Equal((2, 2, 2, 4), (Sums("vpxord"), Sums("vcvtdq2ps"), Sums("vfmadd231ps"), Sums("vfmadd213ps")));
        Assert.Equal((2 * 4 * (rows + 1), 1), (Count("vmulps"), Sums("vaddps")));
        Assert.Equal((2, 1, 1), (Count("prefetcht1"), Count("vzeroupper"), Count("ret")));
        Assert.Equal(["vzeroupper", "ret"], code.TakeLast(2).Select(i => i.Mnemonic));
        // Every jump goes to an instruction: back for the three loops and to the next group; forward past groups, loops of no turns, sums and a residual that are not there,
        // and past the bias where there are sums.
        Assert.Equal((6, 4, 2), (Count("je"), Count("jne"), Count("jmp")));
        Disassembly.AssertJumpsLand(code);

        double Sums(string mnemonic) => Count(mnemonic) / (rows * 4.0);
        int Count(string mnemonic) => code.Count(i => i.Mnemonic == mnemonic);
    }

    [Theory]
    [MemberData(nameof(Codes))]
    public void Code_UsesNoRegisterOfItsCaller_AndNoStack(int rows, bool windows)
    {
        int saved = (int)Marshal.OffsetOf<TileCall>(nameof(TileCall.Saved));
        CallingConvention.AssertKept(Disassembly.Of(ByteTileCode.Write(rows, windows)), windows, saved);
        Assert.Equal(160, sizeof(TileCall) - saved);
    }

    [Fact]
    public void WindowsForm_ComputesTheSame_AndGivesItsCallersRegistersBack()
    {
        Assert.SkipUnless(ByteTileCode.IsSupported && OperatingSystem.IsLinux(), "needs AVX-512 VNNI and System V's convention");
        for (int rows = 1; rows <= TileCall.MaxRows; rows++)
        {
            WindowsCaller<TileCall> caller = new(ByteTileCode.Write(rows, windows: true));
            foreach ((int groups, int fourQuads, int oddQuads) in ((int, int, int)[])[(1, 0, 1), (1, 16, 0), (3, 5, 2)])
            {
                using TileCase tile = new(rows, groups, fourQuads, oddQuads);
                float[] expected = tile.Run(ByteTilePath.Scalar);
                caller.Run(tile.Call());
                Assert.Equal(MemoryMarshal.AsBytes<float>(expected), MemoryMarshal.AsBytes<float>(tile.Results()));
            }
        }
    }
}
