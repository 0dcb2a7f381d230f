using MeLo.Edge.Adapters;
using MeLo.Edge.Kernels;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>The int8 graph's linears: their activations and weights are bytes, what stands between them is binary32.</summary>
internal sealed partial class VitGraph
{
    // A linear over each patch's pixels, a channel after another as the weights have them.
    private GraphValue BytePatches(GraphValue pixels)
    {
        (int grid, int patch) = (_vit.Grid, _vit.PatchSize);
        GraphValue x = _graph.Reshape(pixels, [_images, CanonicalWeights.Channels, grid, patch, grid, patch]);
        x = _graph.Transpose(x, [0, 2, 4, 1, 3, 5]);                                     // [b, g, g, 3, p, p]
        x = _graph.Reshape(x, [_images, grid * grid, CanonicalWeights.Channels * patch * patch]);
        return _graph.ByteLinear(
            _graph.ToBytes(x, "patch_pixels"), Weight(CanonicalWeights.PatchEmbeddingWeight), PatchShape(_vit), Weight(CanonicalWeights.PatchEmbeddingBias), residual: null, "patches");
    }

    /// <summary>The patch embedding as a linear.</summary>
    public static PackedMatrix PatchShape(VitArchitecture vit) => new(CanonicalWeights.Channels * vit.PatchSize * vit.PatchSize, vit.Dim);

    private GraphValue ByteBlock(GraphValue x, int layer)
    {
        ByteGraph.Bytes normed = NormToBytes(x, layer, 1, rotated: false);               // [b, t, d]
        ByteGraph.Bytes asking = normed;
        if (OnlyClassTokenAsks(layer))
        {
            asking = normed.FirstToken(_graph);                                          // [b, 1, d]
            x = _graph.Slice(x, 1, 0, 1);                                                // [b, 1, d]
        }
        GraphValue q = ByteLinear(asking, layer, VitLinear.Query);                       // [b, t, d], heads side by side
        GraphValue k = ByteLinear(normed, layer, VitLinear.Key);
        GraphValue v = ByteLinear(normed, layer, VitLinear.Value);
        GraphValue mixed = _graph.FusedAttention(q, k, v, _vit.Heads, "attention");      // [b, t, d]
        x = ByteLinear(_graph.ToBytes(mixed, "mixed"), layer, VitLinear.Output, x);      // [b, t, d]

        LinearId fc1 = new(layer, VitLinear.Fc1);
        ByteGraph.Bytes hidden = _graph.ByteLinearGelu(
            NormToBytes(x, layer, 2, ReadsRotated(fc1)), PackedWeight(fc1), Packed(fc1.Linear), Bias(fc1), ReadsRotated(new(layer, VitLinear.Fc2)), fc1.Linear.Name()); // [b, t, m]
        return ByteLinear(hidden, layer, VitLinear.Fc2, x);                              // [b, t, d]
    }

    private bool ReadsRotated(LinearId id) => ByteGraph.ReadsRotated(id.Linear) && !_adaptable.Contains(id);

    private ByteGraph.Bytes NormToBytes(GraphValue x, int layer, int norm, bool rotated) => _graph.LayerNormalizationToBytes(
        x, Weight(CanonicalWeights.LayerNorm(layer, norm, "weight")), Weight(CanonicalWeights.LayerNorm(layer, norm, "bias")), _vit.LayerNormEpsilon, rotated, $"norm{norm}");

    private GraphValue ByteLinear(ByteGraph.Bytes x, int layer, VitLinear linear, GraphValue? residual = null)
    {
        LinearId id = new(layer, linear);
        return _graph.ByteLinear(x, PackedWeight(id), Packed(linear), Bias(id), residual, linear.Name());
    }

    private GraphValue PackedWeight(LinearId id)
    {
        PackedMatrix shape = Packed(id.Linear);
        string name = CanonicalWeights.LinearWeight(id);
        return _adaptable.Contains(id) ? _graph.Input(name, ElementType.U8, shape.Panels, shape.PanelBytes) : Weight(name);
    }

    private PackedMatrix Packed(VitLinear linear)
    {
        (int input, int output) = _vit.LinearShape(linear);
        return new PackedMatrix(input, output);
    }
}
