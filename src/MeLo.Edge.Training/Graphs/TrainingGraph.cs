using MeLo.Edge.Adapters;
using MeLo.Edge.Models;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;
using MeLo.Edge.Training.Gradients;

namespace MeLo.Edge.Training.Graphs;

/// <summary>
/// The graphs that training runs: one step (loss and gradients), evaluation, and for a head alone the features that it learns on. The base's weights that do
/// not learn are constants whose data stays in the safetensors file.
/// </summary>
/// <remarks>
/// Loss and gradients are sums over the batch, weighted by the caller: label smoothing, class weights and the division by the batch are in
/// <see cref="PositiveWeights"/>, so that the gradients of parts of a batch add up to those of the whole.
/// </remarks>
internal sealed class TrainingGraph
{
    /// <summary>The features of each image, [batch·slices, dim]: an output of <see cref="Features"/>, and then an input of the other graphs.</summary>
    public const string FeaturesName = "features";

    /// <summary>P of <see cref="LossKind"/>, [batch, classes].</summary>
    public const string PositiveWeights = "positive_weights";

    /// <summary>N of <see cref="LossKind.BinaryCrossEntropy"/>, [batch, classes].</summary>
    public const string NegativeWeights = "negative_weights";

    /// <summary>The loss, a scalar.</summary>
    public const string Loss = "loss";

    /// <summary>The logits, [batch, classes]; with several slices a sample the mean of theirs.</summary>
    public const string Logits = VitGraph.Logits;

    private static readonly Dimension s_batch = "batch";

    private readonly VitArchitecture _vit;
    private readonly SafetensorsFile _weights;
    private readonly TrainingGraphOptions _options;
    private readonly VitTrainable _trainable;

    private TrainingGraph(VitArchitecture vit, SafetensorsFile weights, TrainingGraphOptions options)
    {
        _vit = vit;
        _weights = weights;
        _options = options;
        _trainable = options.Mode switch
        {
            TrainingMode.Lora => new VitTrainable { Lora = options.Targets, Rank = options.Rank, Scale = (float)(options.Alpha / options.Rank) },
            TrainingMode.Full => new VitTrainable { Base = true },
            _ => new VitTrainable(),
        };
        Parameters = [.. ParametersOf(vit, options)];
        Step = BuildStep();
        Evaluation = BuildEvaluation();
        if (options.Mode == TrainingMode.Head) Features = BuildFeatures();
    }

    /// <summary>What learns, in a fixed order: the base's or the low-rank matrices by layer, then the head.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>
    /// Inputs: <see cref="VitGraph.PixelValues"/> [batch·slices, 3, size, size] (<see cref="FeaturesName"/> where the head alone learns), <see cref="PositiveWeights"/>,
    /// for binary cross-entropy <see cref="NegativeWeights"/>, and every parameter. Outputs: <see cref="Loss"/>, <see cref="Logits"/>, and a gradient for each parameter.
    /// </summary>
    public GraphBuilder Step { get; }

    /// <summary>Inputs: <see cref="VitGraph.PixelValues"/> or <see cref="FeaturesName"/> as for <see cref="Step"/>, and every parameter. Output: <see cref="Logits"/>.</summary>
    public GraphBuilder Evaluation { get; }

    /// <summary>Where the head alone learns, from <see cref="VitGraph.PixelValues"/> to <see cref="FeaturesName"/>, which no step changes; otherwise null.</summary>
    public GraphBuilder? Features { get; }

    /// <summary>Builds the graphs.</summary>
    /// <param name="vit">The architecture.</param>
    /// <param name="weights">The canonical weights, F32, in a file of the folder that the sessions are given.</param>
    /// <param name="options">What learns, and for what.</param>
    public static TrainingGraph Build(VitArchitecture vit, SafetensorsFile weights, TrainingGraphOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Classes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Slices, 1);
        if (options.Mode == TrainingMode.Lora)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(options.Rank, 1);
            if (options.Targets.Count == 0 || options.Targets.Distinct().Count() != options.Targets.Count)
                throw new ArgumentException($"Found the targets [{string.Join(", ", options.Targets)}], expected one or more different linears.", nameof(options));
        }
        return new TrainingGraph(vit, weights, options);
    }

    private static IEnumerable<Parameter> ParametersOf(VitArchitecture vit, TrainingGraphOptions options)
    {
        if (options.Mode == TrainingMode.Full)
            foreach (CanonicalWeight weight in CanonicalWeights.Of(vit)) yield return new Parameter(weight.Name, weight.Shape);
        if (options.Mode == TrainingMode.Lora)
            for (int layer = 0; layer < vit.Depth; layer++)
                foreach (VitLinear linear in options.Targets.Order())
                {
                    LinearId id = new(layer, linear);
                    (int input, int output) = vit.LinearShape(linear);
                    yield return new Parameter(VitGraph.LoraA(id), [input, options.Rank]);
                    yield return new Parameter(VitGraph.LoraB(id), [options.Rank, output]);
                }
        yield return new Parameter(VitGraph.HeadWeight, [vit.Dim, options.Classes]);
        yield return new Parameter(VitGraph.HeadBias, [options.Classes]);
    }

    private GraphBuilder BuildStep()
    {
        GraphValue logits = BuildLogits();
        GraphBuilder graph = logits.Graph;
        GraphValue loss = LossOf(logits);
        graph.Output(loss);
        graph.Output(logits);
        foreach (GraphValue gradient in Gradient.Of(graph, loss, [.. Parameters.Select(p => graph[p.Name])])) graph.Output(gradient);
        return graph;
    }

    private GraphBuilder BuildEvaluation()
    {
        GraphValue logits = BuildLogits();
        logits.Graph.Output(logits);
        return logits.Graph;
    }

    private GraphBuilder BuildFeatures()
    {
        (GraphBuilder graph, GraphValue features) = VitGraph.BuildTrainable(_vit, _weights, _trainable, Images);
        graph.Output(graph.Identity(features, FeaturesName));
        return graph;
    }

    // The pixels' first dimension: an image a slice.
    private string Images => _options.Slices == 1 ? "batch" : "images";

    private GraphValue BuildLogits()
    {
        GraphValue features = _options.Mode == TrainingMode.Head
            ? new GraphBuilder(_vit.Name).Input(FeaturesName, ElementType.F32, Images, _vit.Dim)
            : VitGraph.BuildTrainable(_vit, _weights, _trainable, Images).Features;      // [images, dim]
        GraphBuilder graph = features.Graph;
        // The head is linear: the logits of the mean are the mean of the logits.
        if (_options.Slices > 1)
            features = graph.ReduceMean(graph.View(features, [s_batch, _options.Slices, _vit.Dim]), 1); // [batch, dim]
        GraphValue weight = graph.Input(VitGraph.HeadWeight, ElementType.F32, _vit.Dim, _options.Classes);
        GraphValue bias = graph.Input(VitGraph.HeadBias, ElementType.F32, _options.Classes);
        return graph.Gemm(features, weight, bias, name: Logits);                         // [batch, dim] x [dim, classes] + [classes]
    }

    private GraphValue LossOf(GraphValue logits)
    {
        GraphBuilder graph = logits.Graph;
        GraphValue positive = graph.Input(PositiveWeights, ElementType.F32, s_batch, _options.Classes);
        if (_options.Loss == LossKind.CrossEntropy)
            return graph.Neg(graph.ReduceSum(graph.Mul(positive, graph.LogSoftmax(logits)), [0, 1]), Loss);
        GraphValue negative = graph.Input(NegativeWeights, ElementType.F32, s_batch, _options.Classes);
        GraphValue losses = graph.Add(
            graph.Mul(positive, graph.Softplus(graph.Neg(logits))),
            graph.Mul(negative, graph.Softplus(logits)));                                // [batch, classes]
        return graph.ReduceSum(losses, [0, 1], name: Loss);
    }
}
