using System.Globalization;
using System.Runtime.InteropServices;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Onnx;

/// <summary>
/// An ONNX graph in memory, built from its inputs towards its outputs: a value exists before a node can use it, so the nodes stand
/// in an order they can run in. Every value's type and shape are known, which makes a wrong graph fail where it is written and not
/// in the runtime. <see cref="OnnxWriter"/> writes the file.
/// </summary>
internal sealed partial class GraphBuilder
{
    private readonly Dictionary<string, GraphValue> _values = new(StringComparer.Ordinal);
    private readonly HashSet<string> _nodeNames = new(StringComparer.Ordinal);
    private readonly List<GraphValue> _inputs = [];
    private readonly List<GraphValue> _outputs = [];
    private readonly List<GraphValue> _initializers = [];
    private readonly List<GraphNode> _nodes = [];
    private readonly SortedDictionary<string, int> _operatorSets = new(StringComparer.Ordinal);
    private string _scope = "";

    /// <param name="name">The graph's name.</param>
    /// <param name="operatorSet">The version of ONNX's own operator set; 20 is the first with Gelu.</param>
    public GraphBuilder(string name, int operatorSet = 20)
    {
        Name = name;
        _operatorSets.Add("", operatorSet);
    }

    public string Name { get; }

    public IReadOnlyList<GraphValue> Inputs => _inputs;

    public IReadOnlyList<GraphValue> Outputs => _outputs;

    public IReadOnlyList<GraphValue> Initializers => _initializers;

    /// <summary>The nodes; each stands after those whose outputs it uses.</summary>
    public IReadOnlyList<GraphNode> Nodes => _nodes;

    /// <summary>The operator sets in use: domain (empty for ONNX's own) and version.</summary>
    public IReadOnlyDictionary<string, int> OperatorSets => _operatorSets;

    /// <summary>Strings that the model file carries along.</summary>
    public IDictionary<string, string> Metadata { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The value of that name.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public GraphValue this[string name] => _values[name];

    public bool Contains(string name) => _values.ContainsKey(name);

    /// <summary>A value that the caller of the graph gives.</summary>
    public GraphValue Input(string name, ElementType type, params ReadOnlySpan<Dimension> shape)
    {
        GraphValue value = Add(new GraphValue(this, name, type, shape.ToArray()));
        _inputs.Add(value);
        return value;
    }

    /// <summary>A constant of known shape whose data is in the model file or beside it.</summary>
    public GraphValue Initializer(string name, ElementType type, IReadOnlyList<long> shape, InitializerData data)
    {
        long expected = shape.Aggregate((long)type.Size(), (product, size) => checked(product * size));
        long found = data switch
        {
            InitializerData.Inline inline => inline.Bytes.Length,
            InitializerData.External external => external.Length,
            _ => throw new ArgumentOutOfRangeException(nameof(data)),
        };
        if (found != expected)
            throw new ArgumentException($"Initializer '{name}' has {found} bytes, expected {expected} for shape [{string.Join(',', shape)}].", nameof(data));
        GraphValue value = Add(new GraphValue(this, name, type, [.. shape.Select(size => (Dimension)size)]) { Initializer = data });
        _initializers.Add(value);
        return value;
    }

    /// <summary>A constant whose values the model file carries.</summary>
    public GraphValue Constant(string name, ReadOnlySpan<float> values, params ReadOnlySpan<long> shape) =>
        Initializer(Scoped(name), ElementType.F32, shape.ToArray(), new InitializerData.Inline(MemoryMarshal.AsBytes(values).ToArray()));

    /// <summary>A number, rounded to the type that it is calculated with.</summary>
    public GraphValue Scalar(string name, float value, ElementType type) => Initializer(Scoped(name), type, [], new InitializerData.Inline(type switch
    {
        ElementType.F32 => BitConverter.GetBytes(value),
        ElementType.F16 => BitConverter.GetBytes((Half)value),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "No number is written in that type here."),
    }));

    /// <summary>A vector of whole numbers: shapes, axes and the like, which some operators take as inputs.</summary>
    public GraphValue Constant(string name, params ReadOnlySpan<long> values) =>
        Initializer(Scoped(name), ElementType.I64, [values.Length], new InitializerData.Inline(MemoryMarshal.AsBytes(values).ToArray()));

    /// <summary>Makes a value an output of the graph, under the value's own name.</summary>
    public void Output(GraphValue value)
    {
        CheckOwn(value);
        if (value.Producer is null) throw new ArgumentException($"'{value.Name}' is no node's output; ONNX wants an Identity in between.", nameof(value));
        if (_outputs.Contains(value)) throw new ArgumentException($"'{value.Name}' is an output already.", nameof(value));
        _outputs.Add(value);
    }

    /// <summary>Adds any operator with one output. Those of ONNX's own set that are in use here have methods that know their output's shape.</summary>
    /// <param name="operatorType">The operator: <c>MatMul</c>.</param>
    /// <param name="inputs">Its inputs by position; null leaves out an optional one.</param>
    /// <param name="type">The output's type.</param>
    /// <param name="shape">The output's shape.</param>
    /// <param name="attributes">Its attributes.</param>
    /// <param name="name">The name of the node and of its output, within the scope; chosen when null.</param>
    /// <param name="domain">The operator's set; empty for ONNX's own.</param>
    public GraphValue Node(
        string operatorType,
        IReadOnlyList<GraphValue?> inputs,
        ElementType type,
        IReadOnlyList<Dimension> shape,
        ReadOnlySpan<NodeAttribute> attributes = default,
        string? name = null,
        string domain = "") =>
        Node(operatorType, inputs, [(type, shape)], attributes, name, domain).Output;

    /// <summary>Adds any operator with several outputs, which are named after the node: <c>name</c>, <c>name.1</c>, <c>name.2</c>.</summary>
    public GraphNode Node(
        string operatorType,
        IReadOnlyList<GraphValue?> inputs,
        IReadOnlyList<(ElementType Type, IReadOnlyList<Dimension> Shape)> outputs,
        ReadOnlySpan<NodeAttribute> attributes = default,
        string? name = null,
        string domain = "")
    {
        foreach (GraphValue? input in inputs)
            if (input is not null) CheckOwn(input);
        if (!_operatorSets.ContainsKey(domain))
            throw new ArgumentException($"The operator set '{domain}' is not in use; call {nameof(UseOperatorSet)} first.", nameof(domain));
        string fullName = name is null ? FreshName(operatorType) : Scoped(name);
        if (!_nodeNames.Add(fullName)) throw new ArgumentException($"Two nodes are named '{fullName}'.", nameof(name));
        GraphNode node = new(fullName, operatorType, domain, [.. inputs], attributes.ToArray());
        node.Outputs = [.. outputs.Select((o, i) => Add(new GraphValue(this, i == 0 ? fullName : $"{fullName}.{i}", o.Type, o.Shape) { Producer = node }))];
        _nodes.Add(node);
        return node;
    }

    /// <summary>Lets nodes use operators beyond ONNX's own: <c>melo.edge</c>, 1.</summary>
    public void UseOperatorSet(string domain, int version) => _operatorSets.Add(domain, version);

    /// <summary>Until the result is disposed, the names of nodes and constants start with <paramref name="name"/> and a dot. Scopes nest.</summary>
    public IDisposable Scope(string name)
    {
        string outer = _scope;
        _scope = $"{outer}{name}.";
        return new ScopeEnd(() => _scope = outer);
    }

    private string Scoped(string name) => _scope + name;

    private string FreshName(string operatorType)
    {
        string name = Scoped(operatorType);
        for (int i = 1; _nodeNames.Contains(name) || _values.ContainsKey(name); i++)
            name = string.Create(CultureInfo.InvariantCulture, $"{Scoped(operatorType)}_{i}");
        return name;
    }

    private GraphValue Add(GraphValue value)
    {
        if (!_values.TryAdd(value.Name, value)) throw new ArgumentException($"Two values are named '{value.Name}'.", nameof(value));
        return value;
    }

    private void CheckOwn(GraphValue value)
    {
        if (value.Graph != this) throw new ArgumentException($"'{value.Name}' belongs to another graph.", nameof(value));
    }

    private sealed class ScopeEnd(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
