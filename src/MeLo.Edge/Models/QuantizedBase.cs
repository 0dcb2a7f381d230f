using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>What the int8 graph has beyond the canonical weights.</summary>
/// <param name="Weights">
/// The linears that no task changes: <c>layers.&lt;i&gt;.&lt;linear&gt;.weight</c> [in,out] I8 and <c>….scale</c> [out] F32, in a file that will lie beside the model's.
/// </param>
/// <param name="Outliers">By layer, the hidden channels whose excess stays in binary32.</param>
internal sealed record QuantizedBase(SafetensorsFile Weights, IReadOnlyDictionary<int, OutlierChannels> Outliers)
{
    public static string Scale(LinearId linear) => $"{linear}.scale";
}

/// <summary>Channels whose values reach far beyond those of all others.</summary>
/// <param name="Channels">Their indices, ascending.</param>
/// <param name="Limit">The range of the largest other channel: up to there they are quantised like the others.</param>
internal sealed record OutlierChannels(IReadOnlyList<int> Channels, float Limit);
