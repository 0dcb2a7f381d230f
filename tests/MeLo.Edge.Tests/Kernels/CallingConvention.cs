using System.Text.RegularExpressions;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>What System V's and Windows' calling conventions ask of a tile's code, whose one argument is the call.</summary>
internal static partial class CallingConvention
{
    /// <summary>The code uses no register that is its caller's, and no stack; Windows' form gives the caller's vector registers back.</summary>
    /// <param name="code">The code.</param>
    /// <param name="windows">Which convention.</param>
    /// <param name="saved">Where in the call the room for them is.</param>
    public static void AssertKept(IReadOnlyList<Disassembly.Instruction> code, bool windows, int saved)
    {
        Disassembly.Instruction[] body;
        if (windows)
        {
            // Saved before anything else, restored after everything else, each where it was.
            Disassembly.Instruction[] first = [.. code.Take(10)], last = [.. code.TakeLast(12).SkipLast(2)];
            Assert.Equal(Enumerable.Range(0, 10).Select(i => $"XMMWORD PTR [rcx+0x{saved + (16 * i):x}],xmm{6 + i}"), first.Select(i => i.Operands));
            Assert.Equal(Enumerable.Range(0, 10).Select(i => $"xmm{6 + i},XMMWORD PTR [rcx+0x{saved + (16 * i):x}]"), last.Select(i => i.Operands));
            Assert.All(first.Concat(last), i => Assert.Equal("vmovups", i.Mnemonic));
            body = [.. code.Skip(10).SkipLast(12)];
            Assert.DoesNotContain(body, i => i.Text.Contains("xmm", StringComparison.Ordinal));
        }
        else
        {
            Assert.Equal("mov rcx,rdi", string.Join(' ', code[0].Text.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
            body = [.. code.Skip(1)];
        }
        // Volatile in both conventions; of the vectors, System V keeps none and Windows the low halves of 6 to 15.
        string[] used = [.. body.SelectMany(i => GeneralRegister().Matches(i.Operands).Select(m => m.Value)).Distinct()];
        Assert.Empty(used.Except(["rax", "rcx", "rdx", "r8", "r9", "r10", "r11"]));
        // The argument stays where it is to the end: the saved registers are found by it.
        Assert.DoesNotContain(body, i => i.Mnemonic is "mov" or "add" && i.Operands.StartsWith("rcx,", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\b(r[a-z]{2}|r\d+|e[a-z]{2})[a-z]?\b")]
    private static partial Regex GeneralRegister();
}
