using MeLo.Edge.Adapters;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// The graph of attention rollout (Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, arXiv 2005.00928, section 3): of every block the mean of the
/// heads' attention, with the residual connection as half of it, Aᵢ = (mean + I) / 2, multiplied up the blocks: A_L ⋯ A₁. What the pooling reads asks in the last block, so only its row is
/// carried, from the last block down to the first.
/// </summary>
/// <remarks>A graph of its own, in memory alone: what answers is not touched by it. It ends at the last block's attention, and has neither an MLP there nor a head.</remarks>
internal sealed partial class VitGraph
{
    /// <summary>The output, [batch, tokens]: each token's share of what the pooling reads. A row's shares add up to 1.</summary>
    public const string RolloutShares = "rollout";

    // Of each block that was built so far; null in the other graphs.
    private List<GraphValue>? _meanShares;

    /// <summary>Builds the graph. Its inputs are the pixels and, of the adaptable linears, those that <see cref="AsksInRollout"/>, under their names; its constants are the fp32 graph's.</summary>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights, F32, in a file of the folder that the session is given.</param>
    /// <param name="adaptable">The linears whose weights are inputs.</param>
    public static GraphBuilder BuildRollout(VitArchitecture vit, SafetensorsFile weights, IEnumerable<LinearId> adaptable) =>
        new VitGraph(vit, weights, adaptable) { _meanShares = [] }.BuildRollout();

    /// <summary>Whether a linear has a part in the rollout: of the last block only queries and keys have.</summary>
    public static bool AsksInRollout(VitArchitecture vit, LinearId id) => id.Layer < vit.Depth - 1 || id.Linear is VitLinear.Query or VitLinear.Key;

    private GraphBuilder BuildRollout()
    {
        int last = _vit.Depth - 1;
        GraphValue x = Embed(_graph.Input(PixelValues, ElementType.F32, _images, CanonicalWeights.Channels, _vit.ImageSize, _vit.ImageSize)); // [b, t, d]
        for (int layer = 0; layer < last; layer++)
            using (_graph.Scope($"layers.{layer}")) x = Block(x, layer);                 // [b, t, d]
        using (_graph.Scope($"layers.{last}"))
        {
            GraphValue normed = LayerNorm(x, last, 1);                                   // [b, t, d]
            Shares(Queries(OnlyClassTokenAsks(last) ? _graph.Slice(normed, 1, 0, 1) : normed, last), Keys(normed, last));
        }
        _graph.Output(_graph.Reshape(Roll(), [_images, _vit.Tokens], RolloutShares));    // [b, 1, t] -> [b, t]
        return _graph;
    }

    private GraphValue Roll()
    {
        using IDisposable scope = _graph.Scope("rollout");
        GraphValue half = _graph.Scalar("half", 0.5f, ElementType.F32);
        GraphValue row = _graph.Constant("pooled", PooledShares(), 1, 1, _vit.Tokens);   // [1, 1, t]
        for (int layer = _vit.Depth - 1; layer >= 0; layer--)
        {
            GraphValue shares = _meanShares![layer];                                     // [b, t, t]; [b, 1, t] where only the class token asks
            GraphValue asked = shares[1] == (Dimension)1 && _vit.Tokens > 1 ? shares : _graph.MatMul(row, shares); // [b, 1, t] x [b, t, t]
            row = _graph.Mul(_graph.Add(asked, row), half);                              // [b, 1, t]
        }
        return row;
    }

    // What the pooling makes of the last block's tokens: it takes the class token, or the mean of the patches.
    private float[] PooledShares()
    {
        float[] shares = new float[_vit.Tokens];
        if (_vit.Pooling == VitPooling.ClassToken) shares[0] = 1;
        else shares.AsSpan(_vit.HasClassToken ? 1 : 0).Fill(1f / (_vit.Grid * _vit.Grid));
        return shares;
    }
}
