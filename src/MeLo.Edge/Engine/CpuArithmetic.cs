using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using MeLo.Edge.Models;

namespace MeLo.Edge.Engine;

/// <summary>Whether this processor multiplies bytes exactly, and fast enough for the int8 graph to be worth it.</summary>
/// <remarks>
/// x64 without VNNI has vpmaddubsw only: it adds two products of an unsigned and a signed byte and clips the sum to 16 bits, so that
/// 255·127 + 255·127 = 64,770 becomes 32,767. ONNX Runtime's kernels for such processors use it, and their session setting against it
/// covers constant weights alone, not those that a task changes. So int8 is refused there: it would be wrong, and hardly faster.
/// </remarks>
internal sealed record CpuArithmetic(string? Instructions, bool IsExact)
{
    /// <summary>This machine.</summary>
    public static CpuArithmetic Here { get; } = Detect();

    /// <summary>The precision for a base's graphs on this processor, and the reason in one line.</summary>
    public (Precision Precision, string Reason) Choose(IReadOnlyList<Precision> available)
    {
        if (!available.Contains(Precision.Int8)) return (Precision.Fp32, "the base has no int8 graph");
        if (!available.Contains(Precision.Fp32))
            return (Precision.Int8, $"the base has no other graph; the processor has {Instructions ?? "no instructions for it"}");
        if (!IsExact) return (Precision.Fp32, "the processor has no dot-product instructions (VNNI): its byte products would be clipped");
        return Instructions is null
            ? (Precision.Fp32, "the processor has no dot-product instructions: int8 would hardly be faster")
            : (Precision.Int8, $"the base has an int8 graph and the processor has {Instructions}");
    }

    /// <exception cref="EngineException">The processor would compute the precision wrongly.</exception>
    public void Require(Precision precision)
    {
        if (precision == Precision.Int8 && !IsExact)
            throw EngineException.Options(["Precision: found int8 on a processor without dot-product instructions (VNNI), where byte products are clipped; expected fp32"]);
    }

    private static CpuArithmetic Detect()
    {
        if (X86Base.IsSupported)
        {
            // Intel's manual, volume 2A, CPUID, leaf 7. The runtime's own flags say whether the system saves the wide registers.
            int highest = X86Base.CpuId(0, 0).Eax;
            (_, _, int ecx, int edx) = highest >= 7 ? X86Base.CpuId(7, 0) : default;
            (int eax1, _, _, _) = highest >= 7 ? X86Base.CpuId(7, 1) : default;
            List<string> found = [];
            if ((ecx & (1 << 11)) != 0 && Avx512BW.IsSupported) found.Add("AVX-512 VNNI");
            if ((eax1 & (1 << 4)) != 0 && Avx2.IsSupported) found.Add("AVX-VNNI");
            if ((edx & (1 << 25)) != 0 && Avx512BW.IsSupported) found.Add("AMX-INT8");
            return found.Count > 0 ? new CpuArithmetic(string.Join(" and ", found), IsExact: true) : new CpuArithmetic(null, IsExact: false);
        }
        // Arm's kernels widen to 16 and 32 bits before they add: exact with and without the dot-product extension.
        return new CpuArithmetic(Dp.IsSupported ? "Arm dot-product instructions" : null, IsExact: true);
    }
}
