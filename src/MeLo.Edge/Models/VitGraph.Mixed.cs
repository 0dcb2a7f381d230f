using MeLo.Edge.Adapters;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Models;

/// <summary>
/// The graph of mixed batches: every image is answered for a task of its own, with the adapters beside the weights instead of merged into
/// them (docs/decisions/0011-mixed-batches.md). For image i of task k, an adaptable linear computes x·W + (x·Aₖ)·Bₖ + bias.
/// </summary>
/// <remarks>
/// Shapes in the comments, beside those of the other graphs: n tasks in the stacks, r the largest rank of any, c the largest number of classes.
/// <see cref="AdapterStack"/> makes the stacks. They have the element type of what they multiply.
/// </remarks>
internal sealed partial class VitGraph
{
    public const string Tasks = "tasks";

    private static readonly Dimension s_tasksCount = "tasks_count", s_rank = "rank";

    private GraphValue? _tasks;

    /// <summary>The input that takes a linear's A of every task, [tasks_count, in, rank].</summary>
    public static string LoraA(LinearId id) => $"{id}.lora_a";

    /// <summary>The input that takes a linear's B of every task, [tasks_count, rank, out], each times its adapter's scale.</summary>
    public static string LoraB(LinearId id) => $"{id}.lora_b";

    /// <summary>
    /// Builds the graph of mixed batches. Its inputs are those of <see cref="Build(VitArchitecture, SafetensorsFile, IEnumerable{LinearId}, bool)"/>, where the
    /// weights are the pristine ones and the head has a dimension more, the tasks', in front; and the stacks, and <see cref="Tasks"/>: each image's place in them.
    /// Its constants have the names that they have there.
    /// </summary>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights, F32, in a file of the folder that the session is given.</param>
    /// <param name="adaptable">The linears whose weights are inputs and that adapters change.</param>
    /// <param name="rounded">For fp16 the other weights as F16 (<see cref="HalfWeightsFile"/>), in a file of that folder too; null for fp32.</param>
    public static GraphBuilder BuildMixed(VitArchitecture vit, SafetensorsFile weights, IEnumerable<LinearId> adaptable, SafetensorsFile? rounded = null)
    {
        VitGraph graph = new(vit, weights, adaptable, rounded is null ? Precision.Fp32 : Precision.Fp16, rounded);
        graph._tasks = graph._graph.Input(Tasks, ElementType.I32, graph._images);
        return graph.Build();
    }

    private GraphValue MixedLinear(GraphValue x, LinearId id)
    {
        string name = id.Linear.Name();
        (int input, int output) = _vit.LinearShape(id.Linear);
        GraphValue weight = _graph.Input(CanonicalWeights.LinearWeight(id), x.Type, input, output);
        GraphValue a = OfEachImage(LoraA(id), x.Type, input, s_rank), b = OfEachImage(LoraB(id), x.Type, s_rank, output);
        GraphValue down = _graph.MatMul(x, a, $"{name}.down");                           // [b, t, in] x [b, in, r]
        GraphValue up = _graph.MatMul(down, b, $"{name}.up");                            // [b, t, r] x [b, r, out]
        GraphValue product = Bias(id) is { } bias
            ? _graph.Linear(x, weight, bias, $"{name}.unadapted")                        // [b, t, in] x [in, out] + [out]
            : _graph.MatMul(x, weight, $"{name}.unadapted");
        return _graph.Add(product, up, name);
    }

    private GraphBuilder MixedHead(GraphValue features)
    {
        GraphValue weight = OfEachImage(HeadWeight, features.Type, features[1], s_classes); // [b, d, c]
        GraphValue bias = OfEachImage(HeadBias, features.Type, s_classes);               // [b, c]
        GraphValue x = _graph.Reshape(features, [_images, 1, _vit.Dim]);                 // [b, d] -> [b, 1, d]
        x = _graph.Reshape(_graph.MatMul(x, weight), [_images, s_classes]);              // [b, 1, d] x [b, d, c] -> [b, c]
        _graph.Output(_graph.Add(x, bias, Logits));
        return _graph;
    }

    /// <summary>A stack as an input, and of it what belongs to each image's task.</summary>
    private GraphValue OfEachImage(string stack, ElementType type, params ReadOnlySpan<Dimension> shape) =>
        _graph.Gather(_graph.Input(stack, type, [s_tasksCount, .. shape]), _tasks!);     // [n, ...] -> [b, ...]
}
