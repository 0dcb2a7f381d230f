using MeLo.Edge.Models;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Engine;

/// <summary>Which of a base's graphs pays where it runs.</summary>
internal static class PrecisionChoice
{
    /// <summary>The precision to run a base in, and the reason in one line.</summary>
    /// <param name="provider">Where it runs.</param>
    /// <param name="available">The precisions that the base has graphs for.</param>
    /// <param name="asked">The precision that was asked for, which is taken as it is or refused; null chooses.</param>
    /// <exception cref="ProviderException">The device does not compute in the precision that was asked for.</exception>
    /// <exception cref="EngineException">The device computes in none of the base's precisions.</exception>
    public static (Precision Precision, string Reason) Make(Provider provider, IReadOnlyList<Precision> available, Precision? asked)
    {
        if (!provider.IsDevice) return CpuArithmetic.Here.Choose(available, asked);
        if (asked == Precision.Int8) throw ProviderException.Unsupported(provider.Name, $"found precision int8, expected fp16 or fp32 on {provider.DeviceText}: the int8 graph's operators are the processor's (docs/decisions/0010-fp16.md)");
        bool wantsHalf = asked == Precision.Fp16 || (asked is null && available.Contains(Precision.Fp16));
        bool hasHalf = wantsHalf && provider.ComputesHalf();
        if (asked == Precision.Fp16 && !hasHalf) throw ProviderException.Unsupported(provider.Name, $"found precision fp16, expected fp32: {provider.DeviceText} does not compute with 16-bit floating point");
        if (asked is { } precision) return (precision, "asked for");
        if (hasHalf) return (Precision.Fp16, $"the base has an fp16 graph and {provider.DeviceText} computes in it");
        if (available.Contains(Precision.Fp32))
            return (Precision.Fp32, wantsHalf ? $"{provider.DeviceText} does not compute with 16-bit floating point" : "the base has no fp16 graph");
        throw EngineException.Base($"found the precisions {string.Join(", ", available.Select(p => p.Name()))}, expected one among them that provider {provider.Name} computes in here, on {provider.DeviceText}: fp32{(wantsHalf ? "" : " or fp16")}");
    }
}
