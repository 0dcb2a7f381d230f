using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace MeLo.Edge.Tests.Kernels;

/// <summary>x64 code as GNU binutils' <c>objdump</c> reads it, in Intel's syntax.</summary>
internal static class Disassembly
{
    public readonly record struct Instruction(int Offset, string Text)
    {
        public string Mnemonic => Text.Split(' ', 2)[0];

        public string Operands => Text.Contains(' ', StringComparison.Ordinal) ? Text.Split(' ', 2)[1].Trim() : "";
    }

    /// <summary>Every jump goes to an instruction: forward past what is not there, back for another turn where the last result is not zero.</summary>
    public static void AssertJumpsLand(IReadOnlyList<Instruction> code)
    {
        int[] offsets = [.. code.Select(i => i.Offset)];
        foreach (Instruction jump in code.Where(i => i.Mnemonic[0] == 'j'))
        {
            int target = int.Parse(jump.Operands[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            Assert.Contains(target, offsets);
            Assert.Equal(jump.Mnemonic != "jne", target > jump.Offset);
        }
    }

    /// <summary>Disassembles code, or skips the test where the program is missing.</summary>
    public static IReadOnlyList<Instruction> Of(byte[] code)
    {
        using TemporaryFolder folder = new();
        string file = folder["code.bin"];
        File.WriteAllBytes(file, code);
        ProcessStartInfo start = new("objdump", ["-D", "-w", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", file]) { RedirectStandardOutput = true };
        string output;
        try
        {
            using Process process = Process.Start(start)!;
            output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.SkipUnless(process.ExitCode == 0, "objdump does not know x64 code");
        }
        catch (Win32Exception)
        {
            Assert.Skip("needs objdump (Debian's package binutils)");
            throw;
        }
        List<Instruction> instructions = [];
        foreach (string line in output.Split('\n'))
        {
            // "  1f:\t62 f2 7d 48 50 c0    \tvpdpbusd zmm0,zmm0,zmm0"
            string[] parts = line.Split('\t');
            if (parts.Length == 3) instructions.Add(new Instruction(int.Parse(parts[0].Trim().TrimEnd(':'), NumberStyles.HexNumber, CultureInfo.InvariantCulture), parts[2].Trim()));
        }
        return instructions;
    }
}
