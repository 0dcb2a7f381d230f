using MeLo.Edge.Adapters;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// The forward part of training graphs: what learns is an input, and every linear is one product of rank 2 over the rows of all tokens, the form whose
/// gradients are single products too.
/// </summary>
/// <remarks>Shapes in the comments, beside those of the other graphs: n rows, one a token of an image; r the rank; p the patch size, g the patches along one side.</remarks>
internal sealed partial class VitGraph
{
    private readonly Dictionary<GraphValue, GraphValue> _rows = [];
    private VitTrainable? _trainable;

    /// <summary>Builds the graph from <see cref="PixelValues"/> [images, 3, size, size] to the pooled features, for somebody else to put a head and a loss on.</summary>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights, F32, in a file of the folder that the session is given.</param>
    /// <param name="trainable">What is an input; low-rank pairs have the names of <see cref="LoraA"/> and <see cref="LoraB"/>, here [in, rank] and [rank, out].</param>
    /// <param name="images">The name of the first dimension of the pixels and of the features.</param>
    /// <returns>The graph, which has no output yet, and in it the features, [images, dim].</returns>
    public static (GraphBuilder Graph, GraphValue Features) BuildTrainable(VitArchitecture vit, SafetensorsFile weights, VitTrainable trainable, string images)
    {
        VitGraph graph = new(vit, weights, [], images: images) { _trainable = trainable };
        return (graph._graph, graph.Features());
    }

    /// <summary>The patch embedding as a product, which a convolution without overlap is: the gradient of its weight is one, too.</summary>
    private GraphValue PatchProduct(GraphValue pixels)
    {
        long grid = _vit.Grid, patch = _vit.PatchSize, inputs = CanonicalWeights.Channels * patch * patch;
        GraphValue x = _graph.Reshape(pixels, [_images, CanonicalWeights.Channels, grid, patch, grid, patch]);
        x = _graph.Transpose(x, [0, 2, 4, 1, 3, 5]);                                     // [b, g, g, 3, p, p]
        x = _graph.Reshape(x, [_images, grid * grid, inputs]);                           // [b, g*g, 3*p*p]
        GraphValue weight = _graph.Reshape(Weight(CanonicalWeights.PatchEmbeddingWeight), [_vit.Dim, inputs]);
        GraphValue product = _graph.Gemm(Rows(x), weight, Weight(CanonicalWeights.PatchEmbeddingBias), transposeB: true, name: "patches");
        return Tokens(product, x, "patch_tokens");                                       // [b, g*g, d]
    }

    /// <summary>Softmax(q k^T / sqrt(w)) v for every head of every image, then the output projection.</summary>
    /// <remarks>
    /// Images and heads are one dimension, so that keys are turned by a Transpose of its own, which the runtime makes a part of the product; beside another one
    /// it would make the two one slow Transpose. Queries are scaled in their product.
    /// </remarks>
    private GraphValue TrainableAttention(GraphValue asking, GraphValue asked, int layer)
    {
        GraphValue q = HeadsOf(TrainableLinear(asking, new LinearId(layer, VitLinear.Query), 1 / MathF.Sqrt(_vit.HeadDim))); // [b*h, t, w]
        GraphValue k = HeadsOf(TrainableLinear(asked, new LinearId(layer, VitLinear.Key))); // [b*h, t, w]
        GraphValue v = HeadsOf(TrainableLinear(asked, new LinearId(layer, VitLinear.Value))); // [b*h, t, w]
        GraphValue shares = _graph.Softmax(_graph.MatMul(q, _graph.Transpose(k, [0, 2, 1]))); // [b*h, t, t]
        GraphValue mixed = _graph.MatMul(shares, v);                                     // [b*h, t, t] x [b*h, t, w]
        mixed = _graph.View(mixed, [_images, _vit.Heads, asking[1], _vit.HeadDim]);      // [b, h, t, w]
        mixed = _graph.Transpose(mixed, [0, 2, 1, 3]);                                   // [b, t, h, w]
        return TrainableLinear(_graph.Reshape(mixed, asking.Shape), new LinearId(layer, VitLinear.Output)); // [b, t, d]
    }

    // [b, t, d] -> [b*h, t, w]
    private GraphValue HeadsOf(GraphValue x) =>
        _graph.View(_graph.Transpose(SplitHeads(x), [0, 2, 1, 3]), [$"{_images}*{_vit.Heads}", x[1], _vit.HeadDim]);

    private GraphValue TrainableLinear(GraphValue x, LinearId id, float scale = 1)
    {
        string name = id.Linear.Name();
        GraphValue rows = Rows(x);                                                       // [n, in]
        GraphValue y = _graph.Gemm(
            rows, Weight(CanonicalWeights.LinearWeight(id)), Bias(id), scale, scale, name: $"{name}.product"); // [n, in] x [in, out] + [out]
        if (_trainable!.Lora.Contains(id.Linear))
        {
            (int input, int output) = _vit.LinearShape(id.Linear);
            GraphValue a = _graph.Input(LoraA(id), ElementType.F32, input, _trainable.Rank);
            GraphValue b = _graph.Input(LoraB(id), ElementType.F32, _trainable.Rank, output);
            GraphValue down = _graph.Gemm(rows, a, name: $"{name}.down");                // [n, in] x [in, r]
            y = _graph.Gemm(down, b, y, _trainable.Scale * scale, name: $"{name}.up");    // [n, r] x [r, out] + [n, out]
        }
        return Tokens(y, x, name);                                                       // [b, t, out]
    }

    // The tokens of all images one under the other; for everyone who reads them the same value, so that their gradients add up in products.
    private GraphValue Rows(GraphValue x)
    {
        if (_rows.TryGetValue(x, out GraphValue? rows)) return rows;
        rows = _graph.Rows(x);
        _rows.Add(x, rows);
        return rows;
    }

    // [n, k] -> [b, t, k], with the images and tokens of another value
    private GraphValue Tokens(GraphValue rows, GraphValue like, string name) => _graph.View(rows, [like[0], like[1], rows[1]], name);

    private GraphValue Trained(string name)
    {
        TensorView tensor = _weights[name];
        return _graph.Input(name, tensor.Type, [.. tensor.Shape.Select(size => (Dimension)size)]);
    }
}
