using MeLo.Edge.Adapters;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// The inference graph of a Vision Transformer: pixels in, logits out. The base's weights are initializers whose data stays in the
/// safetensors file beside the model; what a task changes is an input: the adaptable linears' weights and the head.
/// </summary>
/// <remarks>Shapes in the comments: b images, t tokens, d the width, h heads of width w = d/h, m the MLP width, c classes.</remarks>
internal sealed partial class VitGraph
{
    public const string PixelValues = "pixel_values";
    public const string HeadWeight = "head.weight";
    public const string HeadBias = "head.bias";
    public const string Logits = "logits";

    private static readonly Dimension s_classes = "classes";

    private readonly VitArchitecture _vit;
    private readonly SafetensorsFile _weights;
    private readonly HashSet<LinearId> _adaptable;
    private readonly GraphBuilder _graph;
    private readonly Precision _precision;
    private readonly bool _embedWeights;
    private readonly SafetensorsFile? _ownWeights;
    private readonly HashSet<LinearId> _observed;
    private readonly Dimension _images;

    private VitGraph(
        VitArchitecture vit, SafetensorsFile weights, IEnumerable<LinearId> adaptable, Precision precision = Precision.Fp32, SafetensorsFile? ownWeights = null,
        bool embedWeights = false, IEnumerable<LinearId>? observed = null, string images = "batch")
    {
        _images = images;
        _observed = [.. observed ?? []];
        _embedWeights = embedWeights;
        _precision = precision;
        _ownWeights = ownWeights;
        _vit = vit;
        _weights = weights;
        _adaptable = [.. adaptable];
        _graph = new GraphBuilder(vit.Name);
        if (precision == Precision.Int8) _graph.UseOperatorSet(ByteGraph.Domain, 1);
    }

    /// <summary>Builds the graph.</summary>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights, F32, in a file that will lie beside the model's.</param>
    /// <param name="adaptable">The linears whose weights are inputs; the others', and with an empty set all, are constants.</param>
    /// <param name="embedWeights">Whether the model file carries the constants itself, at most 2 GB of them, as exporters write small models.</param>
    public static GraphBuilder Build(VitArchitecture vit, SafetensorsFile weights, IEnumerable<LinearId> adaptable, bool embedWeights = false) =>
        new VitGraph(vit, weights, adaptable, embedWeights: embedWeights).Build();

    /// <summary>
    /// Builds the fp16 graph: between the pixels and the last block everything is binary16, but for the softmax. What is pooled, the final norm and the
    /// head are binary32 (docs/decisions/0010-fp16.md).
    /// </summary>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights, F32, in a file that will lie beside the model's: what the other file has not is taken from there.</param>
    /// <param name="adaptable">The linears whose weights are inputs.</param>
    /// <param name="rounded">The other weights as F16 (<see cref="HalfWeightsFile"/>), in a file that will lie beside the model's.</param>
    public static GraphBuilder BuildFp16(VitArchitecture vit, SafetensorsFile weights, IEnumerable<LinearId> adaptable, SafetensorsFile rounded) =>
        new VitGraph(vit, weights, adaptable, Precision.Fp16, rounded).Build();

    /// <summary>Builds the int8 graph. Its linears' weights are bytes, [panels, bytes of a panel], as <see cref="Kernels.PackedMatrix"/> lays them out.</summary>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights, F32, in a file that will lie beside the model's: what the other file has not is taken from there.</param>
    /// <param name="adaptable">The linears whose weights are inputs.</param>
    /// <param name="quantized">The other linears' packed weights under their names, in a file that will lie beside the model's, and other weights as F32.</param>
    public static GraphBuilder BuildInt8(VitArchitecture vit, SafetensorsFile weights, IEnumerable<LinearId> adaptable, SafetensorsFile quantized) =>
        new VitGraph(vit, weights, adaptable, Precision.Int8, quantized).Build();

    /// <summary>
    /// Builds the fp32 graph with constant weights and, besides the logits, the sums of x·xᵀ over the tokens of the observed linears' inputs
    /// (<see cref="InputGrams"/>), for one image.
    /// </summary>
    public static GraphBuilder BuildObserved(VitArchitecture vit, SafetensorsFile weights, IEnumerable<LinearId> observed) =>
        new VitGraph(vit, weights, [], observed: observed).Build();

    private GraphBuilder Build()
    {
        GraphValue features = Features();                                                // [b, d]
        if (_tasks is not null) return MixedHead(features);
        GraphValue headWeight = _graph.Input(HeadWeight, ElementType.F32, _vit.Dim, s_classes);
        GraphValue headBias = _graph.Input(HeadBias, ElementType.F32, s_classes);
        _graph.Output(_graph.Gemm(features, headWeight, headBias, name: Logits));        // [b, d] x [d, c] + [c]
        return _graph;
    }

    private GraphValue Features()
    {
        GraphValue pixels = _graph.Input(PixelValues, ElementType.F32, _images, CanonicalWeights.Channels, _vit.ImageSize, _vit.ImageSize);
        GraphValue x = Embed(pixels);                                                    // [b, t, d]
        for (int layer = 0; layer < _vit.Depth; layer++)
            using (_graph.Scope($"layers.{layer}")) x = _precision == Precision.Int8 ? ByteBlock(x, layer) : Block(x, layer); // [b, t, d]; the last may keep one token
        return Pool(x);                                                                  // [b, d]
    }

    private GraphValue Embed(GraphValue pixels)
    {
        using IDisposable scope = _graph.Scope("embedding");
        GraphValue x = _precision switch
        {
            Precision.Int8 => BytePatches(pixels),
            _ when _trainable is not null => PatchProduct(pixels),
            Precision.Fp16 => Patches(_graph.Cast(pixels, ElementType.F16, "pixels")),
            _ => Patches(pixels),
        };                                                                               // [b, g*g, d]
        GraphValue positions = Weight(CanonicalWeights.PositionEmbedding);               // [t, d]
        if (!_vit.HasClassToken) return _graph.Add(x, positions, "tokens");

        // The class token is the same for every image, so it joins the position embedding of token 0: a constant that the runtime
        // works out once. The image's own token 0 is zero.
        GraphValue classToken = _graph.Reshape(Weight(CanonicalWeights.ClassToken), [1, _vit.Dim]); // [1, d]
        positions = _graph.Add(positions, _graph.Pad(classToken, 0, 0, _vit.Tokens - 1)); // [t, d]
        x = _graph.Pad(x, 1, 1, 0);                                                      // [b, t, d]
        return _graph.Add(x, positions, "tokens");
    }

    private GraphValue Patches(GraphValue pixels)
    {
        GraphValue x = _graph.PatchConv(
            pixels, Weight(CanonicalWeights.PatchEmbeddingWeight), Weight(CanonicalWeights.PatchEmbeddingBias), "patches"); // [b, d, g, g]
        x = _graph.Reshape(x, [_images, _vit.Dim, _vit.Grid * _vit.Grid]);               // [b, d, g*g]
        return _graph.Transpose(x, [0, 2, 1]);                                           // [b, g*g, d]
    }

    // Nobody reads the other tokens of the last block: only the class token asks, of the keys and values of all. Whoever observes wants them all.
    private bool OnlyClassTokenAsks(int layer) => layer == _vit.Depth - 1 && _vit.Pooling == VitPooling.ClassToken && _observed.Count == 0;

    private GraphValue Block(GraphValue x, int layer)
    {
        GraphValue normed = LayerNorm(x, layer, 1);                                      // [b, t, d]
        GraphValue asking = normed;
        if (OnlyClassTokenAsks(layer))
        {
            asking = _graph.Slice(normed, 1, 0, 1);                                      // [b, 1, d]
            x = _graph.Slice(x, 1, 0, 1);                                                // [b, 1, d]
        }
        x = _graph.Add(x, _trainable is null ? Attention(asking, normed, layer) : TrainableAttention(asking, normed, layer)); // [b, t, d]
        GraphValue hidden = _graph.Gelu(Linear(LayerNorm(x, layer, 2), layer, VitLinear.Fc1)); // [b, t, m]
        return _graph.Add(x, Linear(hidden, layer, VitLinear.Fc2));                      // [b, t, d]
    }

    /// <summary>Softmax(q k^T / sqrt(w)) v for every head, then the output projection.</summary>
    /// <remarks>The queries are scaled, not their products with the keys: those could be beyond what binary16 holds.</remarks>
    private GraphValue Attention(GraphValue asking, GraphValue asked, int layer)
    {
        GraphValue q = Queries(asking, layer), k = Keys(asked, layer);                   // [b, h, t, w], [b, h, w, t]
        GraphValue v = _graph.Transpose(SplitHeads(Linear(asked, layer, VitLinear.Value)), [0, 2, 1, 3]);  // [b, h, t, w]
        GraphValue shares = Shares(q, k);                                                // [b, h, t, t]
        GraphValue mixed = _graph.MatMul(shares, v);                                     // [b, h, t, t] x [b, h, t, w]
        mixed = _graph.Transpose(mixed, [0, 2, 1, 3]);                                   // [b, t, h, w]
        mixed = _graph.Reshape(mixed, asking.Shape);                                     // [b, t, d]
        return Linear(mixed, layer, VitLinear.Output);                                   // [b, t, d]
    }

    private GraphValue Queries(GraphValue asking, int layer) =>
        _graph.Transpose(SplitHeads(Linear(asking, layer, VitLinear.Query)), [0, 2, 1, 3]); // [b, h, t, w]

    private GraphValue Keys(GraphValue asked, int layer) =>
        _graph.Transpose(SplitHeads(Linear(asked, layer, VitLinear.Key)), [0, 2, 3, 1]); // [b, h, w, t]

    /// <summary>What each token asks of the others, as shares of one.</summary>
    private GraphValue Shares(GraphValue q, GraphValue k)
    {
        q = _graph.Mul(q, _graph.Scalar("scale", 1 / MathF.Sqrt(_vit.HeadDim), q.Type)); // [b, h, t, w]
        GraphValue scores = _graph.MatMul(q, k);                                         // [b, h, t, w] x [b, h, w, t]
        GraphValue shares = As(_graph.Softmax(As(scores, ElementType.F32)), q.Type);     // [b, h, t, t]
        _meanShares?.Add(_graph.ReduceMean(shares, 1, name: "attention"));               // [b, t, t]
        return shares;
    }

    private GraphValue SplitHeads(GraphValue x) =>
        _graph.Reshape(x, [_images, x[1], _vit.Heads, _vit.HeadDim]);                    // [b, t, d] -> [b, t, h, w]

    private GraphValue Pool(GraphValue x)
    {
        using IDisposable scope = _graph.Scope("pooling");
        x = As(x, ElementType.F32);                                                      // one token, or once all of them
        if (_vit.FinalNorm == VitFinalNorm.BeforePooling) x = FinalNorm(x);
        if (_vit.Pooling == VitPooling.ClassToken)
        {
            if (x[1] != (Dimension)1) x = _graph.Slice(x, 1, 0, 1);                      // [b, 1, d]
            x = _graph.Reshape(x, [_images, _vit.Dim]);                                  // [b, 1, d] -> [b, d]
        }
        else
        {
            if (_vit.HasClassToken) x = _graph.Slice(x, 1, 1, _vit.Tokens);              // [b, g*g, d]
            x = _graph.ReduceMean(x, 1);                                                 // [b, d]
        }
        return _vit.FinalNorm == VitFinalNorm.AfterPooling ? FinalNorm(x) : x;
    }

    private GraphValue FinalNorm(GraphValue x) =>
        _graph.LayerNormalization(x, Weight(CanonicalWeights.NormWeight), Weight(CanonicalWeights.NormBias), _vit.LayerNormEpsilon, "norm");

    private GraphValue LayerNorm(GraphValue x, int layer, int norm) =>
        _graph.LayerNormalization(
            x,
            Weight(CanonicalWeights.LayerNorm(layer, norm, "weight")),
            Weight(CanonicalWeights.LayerNorm(layer, norm, "bias")),
            _vit.LayerNormEpsilon,
            $"norm{norm}");

    private GraphValue Linear(GraphValue x, int layer, VitLinear linear)
    {
        LinearId id = new(layer, linear);
        if (_tasks is not null && _adaptable.Contains(id)) return MixedLinear(x, id);
        if (_trainable is not null) return TrainableLinear(x, id);
        if (_observed.Contains(id)) Observe(x, id);
        (int input, int output) = _vit.LinearShape(linear);
        string weightName = CanonicalWeights.LinearWeight(id);
        GraphValue weight = _adaptable.Contains(id) ? _graph.Input(weightName, x.Type, input, output) : Weight(weightName);
        if (Bias(id) is not { } bias) return _graph.MatMul(x, weight, linear.Name());
        GraphValue product = _graph.MatMul(x, weight, $"{linear.Name()}.product"); // [b, t, in] x [in, out]
        return _graph.Add(product, bias, linear.Name());
    }

    private GraphValue As(GraphValue x, ElementType type) => x.Type == type ? x : _graph.Cast(x, type);

    private void Observe(GraphValue x, LinearId id)
    {
        for (int block = 0; block < InputGrams.Blocks(_vit, id); block++)
        {
            int first = block * InputGrams.BlockFeatures, end = Math.Min(first + InputGrams.BlockFeatures, (int)x[2].Size);
            GraphValue part = _graph.Slice(x, 2, first, end);                            // [1, t, n]
            _graph.Output(_graph.MatMul(_graph.Transpose(part, [0, 2, 1]), part, InputGrams.Name(id.Linear, block))); // [1, n, n]
        }
    }

    private GraphValue? Bias(LinearId id) => CanonicalWeights.HasBias(_vit, id.Linear) ? Weight(CanonicalWeights.LinearBias(id)) : null;

    // What a precision's own file holds goes before the canonical weights.
    private GraphValue Weight(string name) => _trainable is { Base: true } ? Trained(name) : Weight(_ownWeights is { } own && own.Tensors.ContainsKey(name) ? own : _weights, name);

    private GraphValue Weight(SafetensorsFile file, string name)
    {
        TensorView tensor = file[name];
        InitializerData data = _embedWeights
            ? new InitializerData.Inline(tensor.Bytes.ToArray())
            : new InitializerData.External(file.Source, tensor.Offset, tensor.ByteLength);
        return _graph.Initializer(name, tensor.Type, tensor.Shape, data);
    }
}
