using MeLo.Edge.Adapters;
using MeLo.Edge.Onnx;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// A Vision Transformer's graph with the low-rank pairs beside the linears instead of merged into them, A and B being inputs:
/// x·W + (x·Aᵀ)·(s·Bᵀ). What a user gets who exports a model with its adapters left in.
/// </summary>
internal static class UnmergedGraph
{
    /// <summary>The input that takes Aᵀ, [in, rank].</summary>
    public static string A(LinearId linear) => $"{linear}.a";

    /// <summary>The input that takes s·Bᵀ, [rank, out].</summary>
    public static string B(LinearId linear) => $"{linear}.b";

    /// <summary>Copies a graph of constant weights, with a pair beside each linear that the adapter has one for.</summary>
    public static GraphBuilder From(GraphBuilder merged, LoraAdapter adapter)
    {
        GraphBuilder graph = GraphCopy.Begin(merged);
        Dictionary<string, LoraPair> pairs = adapter.Pairs.ToDictionary(p => $"{p.Target}.weight");
        Dictionary<string, GraphValue> replaced = [];
        int paired = 0;
        foreach (GraphNode node in merged.Nodes)
        {
            GraphValue?[] inputs = [.. node.Inputs.Select(i => i is null ? null : replaced.GetValueOrDefault(i.Name) ?? graph[i.Name])];
            GraphNode copy = GraphCopy.Add(graph, node, inputs);
            if (node.OperatorType != "MatMul" || !pairs.TryGetValue(node.Inputs[1]!.Name, out LoraPair? pair)) continue;
            GraphValue a = graph.Input(A(pair.Target), inputs[0]!.Type, pair.InFeatures, pair.Rank);
            GraphValue b = graph.Input(B(pair.Target), inputs[0]!.Type, pair.Rank, pair.OutFeatures);
            GraphValue change = graph.MatMul(graph.MatMul(inputs[0]!, a), b);            // [b, t, in] x [in, r] x [r, out]
            replaced.Add(node.Output.Name, graph.Add(copy.Output, change));
            paired++;
        }
        if (paired != pairs.Count) throw new InvalidOperationException($"Found {paired} linears of the adapter in the graph, expected {pairs.Count}.");
        return GraphCopy.End(graph, merged);
    }
}
