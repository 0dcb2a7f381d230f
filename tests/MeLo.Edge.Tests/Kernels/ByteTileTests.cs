using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using MeLo.Edge.Kernels;

namespace MeLo.Edge.Tests.Kernels;

public sealed unsafe class ByteTileTests
{
    // Groups, and of the last one fours of quads and odd quads.
    private static readonly (int Groups, int FourQuads, int OddQuads)[] s_depths =
    [
        (1, 0, 1), (1, 0, 2), (1, 0, 3), (1, 1, 0), (1, 1, 1), (1, 2, 3), (1, 15, 3), (1, 16, 0), (2, 16, 0), (3, 16, 0), (12, 16, 0), (2, 0, 1), (3, 5, 2), (4, 1, 3),
    ];

    public static TheoryData<int> Rows => [1, 2, 3, 4, 5, 6];

    [Theory]
    [MemberData(nameof(Rows))]
    public void EveryPath_GivesTheBitsOfTheScalarOne(int rows)
    {
        foreach ((int groups, int fourQuads, int oddQuads) in s_depths)
        {
            using TileCase tile = new(rows, groups, fourQuads, oddQuads);
            foreach (bool residual in (bool[])[true, false])
            {
                float[] expected = tile.Run(ByteTilePath.Scalar, residual);
                foreach (ByteTilePath path in ByteTilePaths.Supported)
                    Assert.True(Same(expected, tile.Run(path, residual)), $"{path} differs at {rows} rows, {groups} groups, {fourQuads}·4 + {oddQuads} quads, residual {residual}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void ScalarPath_IsCloseToTheDefinitionInDoublePrecision(int rows)
    {
        using TileCase tile = new(rows, 3, 5, 2);
        tile.FillWeights(() => 3);
        tile.Bytes.Fill(7);
        float[] found = tile.Run(ByteTilePath.Scalar);
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < 64; column++)
            {
                double bias = tile.Bias.Span[column], residual = tile.Residual.Span[(row * tile.Pitch) + column], sum = bias + residual, magnitude = Math.Abs(bias) + Math.Abs(residual);
                for (int group = 0; group < 3; group++)
                {
                    int at = (group * tile.RangeFloats) + row;
                    double weights = tile.GroupFeatures(group) * 3 * tile.ColumnScales.Span[(group * 64) + column];
                    sum += weights * (tile.Lows.Span[at] + ((double)tile.Scales.Span[at] * 7));
                    magnitude += weights * (Math.Abs(tile.Lows.Span[at]) + (tile.Scales.Span[at] * 7));
                }
                double bound = 8 * magnitude / (1 << 24);
                Assert.InRange(found[(row * 64) + column] - sum, -bound, bound);
            }
        }
    }

    // Sums of sixteen bits would end at 32,767.
    [Theory]
    [InlineData(127, 255)]
    [InlineData(-127, 255)]
    [InlineData(127, 128)]
    [InlineData(-127, 1)]
    public void ExtremeBytesAndWeights_AreNeverClipped(int weight, int activation)
    {
        using TileCase tile = new(6, 2, 16, 0);
        tile.FillWeights(() => (sbyte)weight);
        tile.Bytes.Fill((byte)activation);
        tile.Scales.Span.Fill(1);
        tile.Lows.Span.Clear();
        tile.ColumnScales.Span.Fill(1);
        tile.Bias.Span.Clear();
        foreach (ByteTilePath path in ByteTilePaths.Supported)
            Assert.All(tile.Run(path, residual: false), v => Assert.Equal(2 * 256 * weight * activation, v));
    }

    [Fact]
    public void ExtremesOfBothSigns_GiveTheBitsOfTheScalarPath()
    {
        using TileCase tile = new(6, 3, 16, 0);
        Random random = new(8);
        tile.FillWeights(() => random.Next(2) == 0 ? (sbyte)-127 : (sbyte)127);
        foreach (ref byte activation in tile.Bytes) activation = random.Next(2) == 0 ? (byte)0 : (byte)255;
        foreach (ByteTilePath path in ByteTilePaths.Supported) Assert.True(Same(tile.Run(ByteTilePath.Scalar), tile.Run(path)), $"{path}");
    }

    // The trap itself: the instruction that processors without dot products have for bytes.
    [Fact]
    public void Vpmaddubsw_Clips_AndOurProductWithoutDotProductsDoesNot()
    {
        Assert.SkipUnless(Avx2.IsSupported, "needs AVX2");
        Vector256<byte> bytes = Vector256.Create((byte)255);
        foreach (sbyte weight in (sbyte[])[127, -127])
        {
            short clipped = Avx2.MultiplyAddAdjacent(bytes, Vector256.Create(weight))[0];
            Assert.Equal(weight > 0 ? short.MaxValue : short.MinValue, clipped);
            Assert.NotEqual(2 * 255 * weight, clipped);
            Vector256<int> exact = Avx2Lanes.Dot(Vector256<int>.Zero, bytes.AsInt32(), Vector256.Create(weight).AsInt32());
            Assert.Equal(Vector256.Create(4 * 255 * weight), exact);
            if (AvxVnni.IsSupported) Assert.Equal(exact, AvxVnniLanes.Dot(Vector256<int>.Zero, bytes.AsInt32(), Vector256.Create(weight).AsInt32()));
        }
    }

    [Fact]
    public void WhatIsToBeFetched_MayBeAnywhere()
    {
        using TileCase tile = new(5, 2, 15, 2);
        float[] expected = tile.Run(ByteTilePath.Scalar);
        foreach (ByteTilePath path in ByteTilePaths.Supported)
            foreach (nint next in (nint[])[0, 1, -1, -64, 0x7FFF_F000, nint.MinValue + 123])
                Assert.True(Same(expected, tile.Run(path, next: next)), $"{path}, {next:X}");
    }

    [Fact]
    public void RangeThatIsNaN_ShowsInItsRowOnly()
    {
        using TileCase tile = new(6, 2, 16, 0);
        float[] whole = tile.Run(ByteTilePath.Scalar);
        tile.Scales.Span[tile.RangeFloats + 4] = float.NaN; // second group, fifth row
        foreach (ByteTilePath path in ByteTilePaths.Supported)
        {
            float[] found = tile.Run(path);
            Assert.All(found[(4 * 64)..(5 * 64)], v => Assert.True(float.IsNaN(v)));
            Assert.True(Same(whole.AsSpan(0, 4 * 64), found.AsSpan(0, 4 * 64)) && Same(whole.AsSpan(5 * 64), found.AsSpan(5 * 64)), $"{path}");
        }
    }

    private static bool Same(ReadOnlySpan<float> expected, ReadOnlySpan<float> found) => MemoryMarshal.AsBytes(expected).SequenceEqual(MemoryMarshal.AsBytes(found));
}
