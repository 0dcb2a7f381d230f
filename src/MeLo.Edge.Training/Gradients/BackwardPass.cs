using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Training.Gradients;

/// <summary>The gradients found so far on the way from the loss back to what it depends on. A value that several nodes read gets the sum of what they contribute.</summary>
internal sealed class BackwardPass
{
    private readonly IReadOnlySet<GraphValue> _path;
    private readonly ILookup<GraphValue, GraphNode> _readers;
    private readonly Dictionary<GraphValue, GraphValue> _sums = [];
    private readonly List<(GraphNode Node, GraphValue Value, Func<GraphValue?, GraphValue> AddTo)> _last = [];
    private GraphNode? _node;
    private readonly Dictionary<(string, long), GraphValue> _vectors = [];

    /// <param name="graph">The graph, with nothing but its forward nodes.</param>
    /// <param name="path">The values that gradients are needed by.</param>
    public BackwardPass(GraphBuilder graph, IReadOnlySet<GraphValue> path)
    {
        Graph = graph;
        _path = path;
        _readers = graph.Nodes.Where(n => n.Outputs.Any(path.Contains))
            .SelectMany(n => n.Inputs.Select(i => (Input: i, Node: n))).Where(r => r.Input is not null).ToLookup(r => r.Input!, r => r.Node);
    }

    public GraphBuilder Graph { get; }

    /// <summary>The gradient by a value, in its shape: complete once every node that reads the value has had its turn.</summary>
    public GraphValue this[GraphValue value] => _sums[value];

    public bool HasGradient(GraphValue value) => _sums.ContainsKey(value);

    /// <summary>Whether a gradient by the value is needed.</summary>
    public bool Wants(GraphValue? value) => value is not null && _path.Contains(value);

    /// <summary>The one node that the whole gradient by a value comes from; null where there are several.</summary>
    public GraphNode? OnlyReader(GraphValue value) => _readers[value].Take(2).ToArray() is [var reader] ? reader : null;

    /// <summary>The loss's gradient by itself: 1.</summary>
    public void Begin(GraphValue loss) =>
        _sums.Add(loss, Graph.Initializer($"{loss.Name}.gradient", loss.Type, [.. loss.Shape.Select(d => d.Size)], new InitializerData.Inline(BitConverter.GetBytes(1f))));

    /// <summary>Lets a node's inputs have what it contributes to their gradients.</summary>
    public void GoThrough(GraphNode node)
    {
        GradientRule rule = GradientRules.Of(node);
        _node = node;
        using (Graph.Scope($"{node.Name}.gradient")) rule(this, node, _sums[node.Output]);
        _node = null;
    }

    /// <summary>Adds what the node contributes to the gradient by a value.</summary>
    public void Add(GraphValue value, Func<GraphValue> contribution) => Add(value, sum => sum is null ? contribution() : Graph.Add(sum, contribution()));

    /// <summary>Adds what the node contributes to the gradient by a value, by an operator that can add to the sum so far, which is null for the first.</summary>
    public void Add(GraphValue value, Func<GraphValue?, GraphValue> addTo)
    {
        if (value.Producer is null) _last.Add((_node!, value, addTo)); // nothing goes back from there
        else Put(value, addTo);
    }

    /// <summary>Writes the gradients by the graph's inputs, and gives all that were asked for their names.</summary>
    /// <remarks>
    /// They come after all other nodes, and those first that were found last. ONNX Runtime starts from the last node that nobody reads and runs what that one
    /// needs, then from the one before it, and so on; everything that later ones read stays in memory meanwhile (onnxruntime/core/graph/graph_viewer.cc: depth first,
    /// backwards). So the gradients by a linear's weights are computed when what they are made of is there, and block by block that need not stay.
    /// </remarks>
    public void End(IReadOnlyList<GraphValue> values)
    {
        foreach (GraphValue value in values.OrderByDescending(v => _last.FindLastIndex(c => c.Value == v)))
        {
            foreach ((GraphNode node, _, Func<GraphValue?, GraphValue> addTo) in _last.Where(c => c.Value == value))
                using (Graph.Scope($"{node.Name}.gradient")) Put(value, addTo);
            if (HasGradient(value)) _sums[value] = Graph.Identity(_sums[value], $"{value.Name}.gradient");
        }
    }

    private void Put(GraphValue value, Func<GraphValue?, GraphValue> addTo)
    {
        GraphValue sum = addTo(_sums.GetValueOrDefault(value));
        if (!sum.Shape.SequenceEqual(value.Shape)) throw new InvalidOperationException($"The gradient by {value} came out as {sum}.");
        _sums[value] = sum;
    }

    /// <summary>A constant vector of one number repeated, which all rules share.</summary>
    public GraphValue Vector(string name, float number, long count)
    {
        if (_vectors.TryGetValue((name, count), out GraphValue? vector)) return vector;
        float[] values = new float[count];
        Array.Fill(values, number);
        vector = Graph.Initializer($"gradient.{name}.{count}", ElementType.F32, [count], new InitializerData.Inline(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray()));
        _vectors.Add((name, count), vector);
        return vector;
    }
}
