using System.Runtime.InteropServices;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>The machine code of bfloat16 tiles, read by a disassembler and run.</summary>
public sealed unsafe class PairTileCodeTests
{
    private const ushort NaN = 0x7FC0, Infinity = 0x7F80, One = 0x3F80;

    private static readonly string[] s_mnemonics = ["add", "je", "jne", "mov", "ret", "test", "vdpbf16ps", "vmovdqu32", "vmovups", "vmulps", "vpbroadcastd", "vpxord", "vzeroupper"];

    private static readonly (int Rows, int Vectors)[] s_sizes =
        [.. from rows in Enumerable.Range(1, PairTileCode.MaxRows) from vectors in Enumerable.Range(1, PairTileCode.MaxVectors) select (rows, vectors)];

    // All sizes in one test each: a process a size is dear.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Code_IsTheInstructionsOfTheTile_AndKeepsItsCallersRegisters(bool windows)
    {
        int saved = (int)Marshal.OffsetOf<PairTileCall>(nameof(PairTileCall.Saved));
        Assert.Equal(160, sizeof(PairTileCall) - saved);
        foreach ((int rows, int vectors) in s_sizes)
        {
            IReadOnlyList<Disassembly.Instruction> code = Disassembly.Of(PairTileCode.Write(rows, vectors, windows));
            Assert.DoesNotContain(code, i => i.Text.Contains("(bad)", StringComparison.Ordinal));
            Assert.Empty(code.Select(i => i.Mnemonic).Except(s_mnemonics));
            int sums = rows * vectors, kept = windows ? 20 : 0;
            Assert.Equal((sums, sums, sums), (Count("vpxord"), Count("vdpbf16ps"), Count("vmulps")));
            Assert.Equal((rows, vectors, sums + kept), (Count("vpbroadcastd"), Count("vmovdqu32"), Count("vmovups")));
            Assert.Equal((1, 1, 1, 1), (Count("je"), Count("jne"), Count("vzeroupper"), Count("ret")));
            Assert.Equal(["vzeroupper", "ret"], code.TakeLast(2).Select(i => i.Mnemonic));
            Disassembly.AssertJumpsLand(code);
            CallingConvention.AssertKept(code, windows, saved);

            // Every sum is one register's from the start to the end, and each is made of another row and vector.
            string[] cleared = Firsts("vpxord"), summed = Firsts("vdpbf16ps"), scaled = Firsts("vmulps");
            Assert.Equal(sums, cleared.Distinct().Count());
            Assert.Equal(cleared, summed);
            Assert.Equal(cleared, scaled);
            Assert.Equal(cleared, code.Where(i => i.Mnemonic == "vmovups" && i.Operands.StartsWith("ZMMWORD", StringComparison.Ordinal)).Select(i => i.Operands.Split(',')[1]));
            Assert.Empty(Firsts("vmovdqu32").Concat(Firsts("vpbroadcastd")).Intersect(cleared));

            int Count(string mnemonic) => code.Count(i => i.Mnemonic == mnemonic);
            string[] Firsts(string mnemonic) => [.. code.Where(i => i.Mnemonic == mnemonic).Select(i => i.Operands.Split(',')[0])];
        }
    }

    [Fact]
    public void EverySize_IsCloseToTheDoubleTwin_WithEitherStrideAndWithOrWithoutFactors()
    {
        NeedBfloat16();
        foreach ((int rows, int vectors) in s_sizes)
        {
            foreach (int pairs in (int[])[1, 2, 7, 99])
            {
                foreach (bool transposed in (bool[])[false, true])
                {
                    using PairTileCase tile = new(rows, vectors, pairs, transposed);
                    foreach (bool factors in (bool[])[false, true]) tile.AssertClose(Run(tile, rows, vectors, factors), factors);
                }
            }
        }
    }

    [Fact]
    public void WindowsForm_ComputesTheSame_AndGivesItsCallersRegistersBack()
    {
        NeedBfloat16();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs System V's convention");
        foreach ((int rows, int vectors) in s_sizes)
        {
            WindowsCaller<PairTileCall> caller = new(PairTileCode.Write(rows, vectors, windows: true));
            foreach ((int pairs, bool transposed, bool factors) in ((int, bool, bool)[])[(1, false, true), (9, true, false), (32, false, false), (5, true, true)])
            {
                using PairTileCase tile = new(rows, vectors, pairs, transposed);
                caller.Run(tile.Call(factors));
                float[] results = tile.Results();
                tile.AssertClose(results, factors);
                Assert.Equal(MemoryMarshal.AsBytes<float>(Run(tile, rows, vectors, factors)), MemoryMarshal.AsBytes<float>(results));
            }
        }
    }

    [Theory]
    [InlineData(NaN)]
    [InlineData(Infinity)]
    public void NumberThatIsNotFinite_ShowsInItsRowOrColumn_AndNowhereElse(ushort value)
    {
        NeedBfloat16();
        foreach (int k in (int[])[0, 1, 8, 13])
        {
            using PairTileCase tile = new(6, 3, 7, transposed: false);
            ushort before = tile.A(4, k);
            tile.A(4, k) = value;
            Assert.All(Run(tile, 6, 3, factors: true).Index(), r => Assert.Equal(r.Index / tile.Columns == 4, !float.IsFinite(r.Item)));
            tile.A(4, k) = before;
            tile.B(k, 17) = value;
            Assert.All(Run(tile, 6, 3, factors: true).Index(), r => Assert.Equal(r.Index % tile.Columns == 17, !float.IsFinite(r.Item)));
        }
    }

    [Fact]
    public void SumsThatOverflow_AreInfinite()
    {
        NeedBfloat16();
        using PairTileCase tile = new(2, 1, 1, transposed: false);
        for (int column = 0; column < 16; column++) (tile.B(0, column), tile.B(1, column)) = (One, One);
        (tile.A(0, 0), tile.A(0, 1), tile.A(1, 0), tile.A(1, 1)) = (0x7F7F, 0x7F7F, 0xFF7F, 0xFF7F); // twice the largest, twice the lowest
        float[] results = Run(tile, 2, 1, factors: false);
        Assert.All(results[..16], r => Assert.Equal(float.PositiveInfinity, r));
        Assert.All(results[16..], r => Assert.Equal(float.NegativeInfinity, r));
    }

    private static void NeedBfloat16() => Assert.SkipUnless(PairTileCode.CanRun, "needs AVX-512 BF16");

    private static float[] Run(PairTileCase tile, int rows, int vectors, bool factors)
    {
        PairTileCall call = tile.Call(factors);
        PairTileCode.Compute(&call, rows, vectors);
        return tile.Results();
    }
}
