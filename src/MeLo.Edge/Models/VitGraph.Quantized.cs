using MeLo.Edge.Adapters;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>The int8 graph's linears: 8-bit integers in, binary32 out.</summary>
internal sealed partial class VitGraph
{
    /// <summary>The name, within a block's scope, of the largest value of each hidden channel.</summary>
    public const string HiddenMaximum = "fc2.input_max";

    /// <summary>What enters a linear: a value as it is, or as bytes with a scale and a zero point that several linears share.</summary>
    private readonly record struct Operand(GraphValue Value, GraphValue? Scale = null, GraphValue? ZeroPoint = null)
    {
        public bool IsQuantized => Scale is not null;
    }

    private Operand Quantize(GraphValue x)
    {
        if (_quantized is null) return new Operand(x);
        (GraphValue bytes, GraphValue scale, GraphValue zeroPoint) = _graph.DynamicQuantizeLinear(x);
        return new Operand(bytes, scale, zeroPoint);
    }

    private GraphValue QuantizedLinear(Operand x, LinearId id)
    {
        (GraphValue weight, GraphValue scale) = QuantizedWeight(id);                     // [in, out], [out]
        return _graph.MatMulIntegerToFloat(x.Value, x.Scale!, x.ZeroPoint!, weight, scale, Bias(id), id.Linear.Name());
    }

    /// <summary>
    /// A few hidden channels reach values so large ("massive activations", Sun et al., arXiv 2402.17762) that the one range of the
    /// tensor would leave the others a handful of steps. What they have beyond the others' range is multiplied in binary32 instead.
    /// </summary>
    private GraphValue LinearWithOutliers(GraphValue hidden, int layer, OutlierChannels outliers)
    {
        LinearId id = new(layer, VitLinear.Fc2);
        float[] limits = new float[_vit.MlpDim];
        Array.Fill(limits, float.MaxValue);
        foreach (int channel in outliers.Channels) limits[channel] = outliers.Limit;
        long[] channels = [.. outliers.Channels.Select(c => (long)c)];
        GraphValue within = _graph.Min(hidden, _graph.Constant("fc2.limits", limits, limits.Length));      // [b, t, m]
        GraphValue beyond = _graph.Sub(_graph.Gather(hidden, 2, channels), _graph.Constant("fc2.limit", [outliers.Limit]));
        beyond = _graph.Relu(beyond);                                                                      // [b, t, k]
        GraphValue product = Linear(Quantize(within), layer, VitLinear.Fc2);                               // [b, t, d]
        (GraphValue weight, GraphValue scale) = QuantizedWeight(id);
        // The same rounded weights as the other part uses, so that both add up to one product.
        GraphValue rows = _graph.Mul(_graph.Cast(_graph.Gather(weight, 0, channels), ElementType.F32), scale); // [k, d]
        return _graph.Add(product, _graph.MatMul(beyond, rows));                                           // [b, t, k] x [k, d]
    }

    private (GraphValue Weight, GraphValue Scale) QuantizedWeight(LinearId id)
    {
        string weight = CanonicalWeights.LinearWeight(id), scale = QuantizedBase.Scale(id);
        if (_graph.Contains(weight)) return (_graph[weight], _graph[scale]);
        (int input, int output) = _vit.LinearShape(id.Linear);
        return _adaptable.Contains(id)
            ? (_graph.Input(weight, ElementType.I8, input, output), _graph.Input(scale, ElementType.F32, output))
            : (Weight(_quantized!.Weights, weight), Weight(_quantized.Weights, scale));
    }
}
