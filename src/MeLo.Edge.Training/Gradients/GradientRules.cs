using System.Collections.Frozen;
using System.Runtime.InteropServices;
using MeLo.Edge.Onnx;

namespace MeLo.Edge.Training.Gradients;

/// <summary>How an operator's inputs get their gradients from its output's.</summary>
/// <param name="pass">Where the gradients go.</param>
/// <param name="node">The operator, with one output.</param>
/// <param name="gradient">The gradient by its output.</param>
internal delegate void GradientRule(BackwardPass pass, GraphNode node, GraphValue gradient);

/// <summary>A rule for each operator. In the comments y is the node's output and g the gradient by it.</summary>
internal static partial class GradientRules
{
    private static readonly FrozenDictionary<string, GradientRule> s_rules = new Dictionary<string, GradientRule>
    {
        ["Add"] = Add,
        ["Sub"] = Sub,
        ["Mul"] = Mul,
        ["Div"] = Div,
        ["Neg"] = (pass, node, g) => pass.Add(node.Inputs[0]!, () => pass.Graph.Neg(g)),
        ["MatMul"] = MatMul,
        ["Gemm"] = Gemm,
        ["LayerNormalization"] = LayerNormalization,
        ["Softmax"] = Softmax,
        ["LogSoftmax"] = LogSoftmax,
        ["Softplus"] = (pass, node, g) => pass.Add(node.Inputs[0]!, () => pass.Graph.Mul(g, pass.Graph.Sigmoid(node.Inputs[0]!))),
        ["Gelu"] = Gelu,
        ["ReduceSum"] = ReduceSum,
        ["ReduceMean"] = ReduceMean,
        ["Reshape"] = Reshape,
        ["Transpose"] = Transpose,
        ["Slice"] = Slice,
        ["Pad"] = Pad,
        ["Cast"] = (pass, node, g) => pass.Add(node.Inputs[0]!, () => pass.Graph.Cast(g, node.Inputs[0]!.Type)),
        ["Identity"] = (pass, node, g) => pass.Add(node.Inputs[0]!, () => g),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The operators that have a rule.</summary>
    public static IEnumerable<string> Operators => s_rules.Keys;

    /// <summary>The rule for a node.</summary>
    /// <exception cref="NotSupportedException">Its operator has none.</exception>
    public static GradientRule Of(GraphNode node) =>
        node.Domain.Length == 0 && node.Outputs.Count == 1 && s_rules.TryGetValue(node.OperatorType, out GradientRule? rule)
            ? rule
            : throw Unsupported(node, $"expected one of {string.Join(", ", Operators.Order(StringComparer.Ordinal))}, with one output");

    private static NotSupportedException Unsupported(GraphNode node, string expected) =>
        new($"Found the operator {(node.Domain.Length > 0 ? $"{node.Domain}." : "")}{node.OperatorType} ('{node.Name}') between the loss and what it is differentiated by, {expected}.");

    private static long Int(GraphNode node, string name, long otherwise) => node.Attribute(name) is NodeAttribute.Int attribute ? attribute.Value : otherwise;

    private static float Float(GraphNode node, string name, float otherwise) => node.Attribute(name) is NodeAttribute.Float attribute ? attribute.Value : otherwise;

    // What some operators take as an input: axes, pads.
    private static long[] Constant(GraphNode node, int input) => node.Inputs.ElementAtOrDefault(input)?.Initializer is InitializerData.Inline data
        ? MemoryMarshal.Cast<byte, long>(data.Bytes.Span).ToArray()
        : throw Unsupported(node, $"expected a constant as input {input}");
}
