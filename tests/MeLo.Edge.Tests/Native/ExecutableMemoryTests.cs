using System.Globalization;
using System.Runtime.InteropServices;
using MeLo.Edge.Kernels;
using MeLo.Edge.Native;

namespace MeLo.Edge.Tests.Native;

public sealed unsafe class ExecutableMemoryTests
{
    [Fact]
    public void PlacedCode_Runs()
    {
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64 && (OperatingSystem.IsLinux() || OperatingSystem.IsWindows()), "the code is for x64");
        var answer = (delegate* unmanaged<int>)ExecutableMemory.Place([0xB8, 0x2A, 0, 0, 0, 0xC3]); // mov eax, 42; ret
        Assert.Equal(42, answer());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(10_000)]
    public void PlacedCode_IsNotWritable_AndIsWhatWasGiven(int length)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "reads /proc");
        byte[] code = new byte[length];
        new Random(length).NextBytes(code);
        byte* placed = (byte*)ExecutableMemory.Place(code);
        Assert.True(new Span<byte>(placed, length).SequenceEqual(code));
        Assert.Equal(0, (nint)placed % Environment.SystemPageSize);
        Assert.Equal("r-xp", Protection(placed));
        Assert.Equal("r-xp", Protection(placed + length - 1));
    }

    [Fact]
    public void CodesPlacedTogether_Run_EachOnALineOfItsOwn()
    {
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64 && OperatingSystem.IsLinux(), "the code is for x64, and reads /proc");
        List<int> lengths = [];
        void** entries = TileCode.Place(100, (i, windows) =>
        {
            Assert.False(windows);
            byte[] code = [.. Enumerable.Repeat((byte)0x90, i), 0xB8, (byte)i, 0, 0, 0, 0xC3]; // nop…; mov eax, i; ret
            lengths.Add(code.Length);
            return code;
        });
        Assert.Equal(100, lengths.Count);
        for (int i = 0; i < lengths.Count; i++)
        {
            Assert.Equal(i, ((delegate* unmanaged<int>)entries[i])());
            Assert.Equal(0, (nint)entries[i] % 64);
            Assert.Equal("r-xp", Protection(entries[i]));
            if (i > 0) Assert.Equal((lengths[i - 1] + 63) / 64 * 64, (nint)entries[i] - (nint)entries[i - 1]);
        }
    }

    [Fact]
    public void TileCode_IsNotWritable()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && ByteTileCode.IsSupported, "needs AVX-512 VNNI, and reads /proc");
        for (int i = 0; i < TileCall.MaxRows; i++) Assert.Equal("r-xp", Protection(ByteTileCode.Entries[i]));
    }

    // "7f0012340000-7f0012341000 r-xp 00000000 00:00 0"
    private static string Protection(void* address)
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] parts = line.Split(' ', '-');
            nuint first = nuint.Parse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), end = nuint.Parse(parts[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if ((nuint)address >= first && (nuint)address < end) return line.Split(' ')[1];
        }
        return "not mapped";
    }
}
