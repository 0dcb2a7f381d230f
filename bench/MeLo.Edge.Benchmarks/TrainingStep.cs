using System.Numerics.Tensors;
using MeLo.Edge.Models;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Tests;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Graphs;
using MeLo.Edge.Training.Optimization;
using MeLo.Edge.Training.Steps;

namespace MeLo.Edge.Benchmarks;

/// <summary>A step of training as the trainer makes it: loss and gradients of random pictures, added up over its runs, without what an optimizer does with them.</summary>
internal sealed class TrainingStep : IDisposable
{
    private const int Classes = 2;

    private readonly BasePackage _package;
    private readonly TrainingGraph _graph;
    private readonly Provider _provider = new CpuProvider();
    private readonly int _threads;
    private readonly LearnedParameter[] _parameters;
    private readonly Dictionary<int, BatchStep> _steps = [];
    private readonly Dictionary<(int Images, RunPlan Plan), GraphInput[][]> _inputs = [];

    /// <param name="baseFolder">The base.</param>
    /// <param name="mode">What learns.</param>
    /// <param name="threads">Threads that compute; 0 for one a core.</param>
    public TrainingStep(string baseFolder, TrainingMode mode, int threads)
    {
        _package = BasePackage.Open(baseFolder);
        _threads = Native.ProcessorCores.Threads(threads);
        _graph = TrainingGraph.Build(_package.Architecture, _package.Weights, new TrainingGraphOptions { Mode = mode, Classes = Classes });
        Random random = new(1);
        _parameters =
        [
            .. _graph.Parameters.Select(p => new LearnedParameter(
                p, _package.Weights.Tensors.ContainsKey(p.Name) ? _package.Weights[p.Name].ToSingles() : RandomValues.Normal(random, p.ElementCount, 0.05f))),
        ];
    }

    public long ParameterCount => _graph.Parameters.Sum(p => p.ElementCount);

    /// <summary>The multiplications and additions of a step's matrix products.</summary>
    public double Flops(int images) => GraphFlops.Of(_graph.Step, images);

    /// <summary>How many runs of a step go side by side.</summary>
    public int Lanes(int images) => Plan(images, inOneRun: false).Lanes;

    /// <summary>Runs one step.</summary>
    /// <param name="images">How many pictures, the same ones each time.</param>
    /// <param name="inOneRun">Whether all of them go through the graph together, whose operators the threads then share.</param>
    /// <exception cref="InvalidOperationException">A gradient is not finite, or zero everywhere.</exception>
    public void Run(int images, bool inOneRun = false)
    {
        RunPlan plan = Plan(images, inOneRun);
        if (!_steps.TryGetValue(plan.Lanes, out BatchStep? step)) _steps[plan.Lanes] = step = new BatchStep(_graph.Step, _package.Folder, _provider, _threads, plan, _parameters);
        step.Run(Inputs(images, plan).Chunk(plan.Lanes), CancellationToken.None);
        // The head's gradients are last, and the parameter farthest from the loss is first.
        foreach (LearnedParameter parameter in (LearnedParameter[])[_parameters[0], _parameters[^2]])
        {
            float norm = TensorPrimitives.Norm<float>(parameter.Gradient);
            if (!(norm > 0) || !float.IsFinite(norm)) throw new InvalidOperationException($"Found a gradient of norm {norm}.");
        }
    }

    public void Dispose()
    {
        foreach (BatchStep step in _steps.Values) step.Dispose();
        _package.Dispose();
    }

    private RunPlan Plan(int images, bool inOneRun) =>
        inOneRun ? new RunPlan(images, 1) : RunPlan.ForPictures(Math.Min(images, new TrainingSettings().MicroBatch), slices: 1, _provider, _threads);

    private GraphInput[][] Inputs(int images, RunPlan plan)
    {
        if (_inputs.TryGetValue((images, plan), out GraphInput[][]? inputs)) return inputs;
        Random random = new(images);
        int size = _package.Architecture.ImageSize;
        return _inputs[(images, plan)] = [.. Enumerable.Range(0, images).Chunk(plan.Length).Select(run => (GraphInput[])
        [
            new(VitGraph.PixelValues, RandomValues.Normal(random, run.Length * 3 * size * size, 1), [run.Length, 3, size, size]),
            // Each picture has its class.
            new(TrainingGraph.PositiveWeights, [.. run.SelectMany(i => Enumerable.Range(0, Classes).Select(c => c == i % Classes ? 1f / images : 0))], [run.Length, Classes]),
        ])];
    }
}
