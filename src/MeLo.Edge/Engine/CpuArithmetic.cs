using MeLo.Edge.Kernels;
using MeLo.Edge.Models;

namespace MeLo.Edge.Engine;

/// <summary>Which precision pays on this processor.</summary>
/// <param name="Instructions">The dot-product instructions that the byte kernels use here; null where there are none.</param>
/// <remarks>
/// The int8 graph is exact everywhere: its kernels never use vpmaddubsw, which x64 processors without VNNI have and which clips the sum of two
/// byte products to 16 bits, so that 255·127 + 255·127 = 64,770 becomes 32,767. Without dot products it is merely no faster than fp32.
/// </remarks>
internal sealed record CpuArithmetic(string? Instructions)
{
    /// <summary>This machine.</summary>
    public static CpuArithmetic Here { get; } = new(ByteTilePaths.Instructions(ByteTilePaths.Best));

    /// <summary>
    /// The precision to run a base in on this processor, and the reason in one line, which names the processor's instructions. Fp16 is never chosen: the
    /// runtime has few CPU kernels for it, so that most operators run in fp32, and conversions besides.
    /// </summary>
    /// <param name="available">The precisions that the base has graphs for.</param>
    /// <param name="asked">The precision that was asked for, which is taken as it is; null chooses.</param>
    public (Precision Precision, string Reason) Choose(IReadOnlyList<Precision> available, Precision? asked = null)
    {
        string processor = Instructions is null ? "the processor has no dot-product instructions (VNNI)" : $"the processor has {Instructions}";
        string slow = Instructions is null ? ", so it will be slow" : "";
        if (asked is Precision.Fp16) return (Precision.Fp16, $"asked for, though a processor gains nothing by fp16; {processor}");
        if (asked is { } precision) return (precision, $"asked for; {processor}{(precision == Precision.Int8 ? slow : "")}");
        if (!available.Contains(Precision.Int8)) return (Precision.Fp32, $"the base has no int8 graph; {processor}");
        if (!available.Contains(Precision.Fp32)) return (Precision.Int8, $"the base has no fp32 graph; {processor}{slow}");
        return Instructions is null ? (Precision.Fp32, $"{processor}: int8 would be no faster") : (Precision.Int8, $"the base has an int8 graph and {processor}");
    }
}
