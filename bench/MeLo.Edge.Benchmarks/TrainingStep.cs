using System.Numerics.Tensors;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tests;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Graphs;

namespace MeLo.Edge.Benchmarks;

/// <summary>A step of training in the runtime: loss and gradients of random pictures, without what an optimizer does with them.</summary>
internal sealed class TrainingStep : IDisposable
{
    private const int Classes = 2;

    private readonly BasePackage _package;
    private readonly TrainingGraph _graph;
    private readonly OrtSession _session;
    private readonly Dictionary<string, OrtValue> _parameters = [];
    private readonly Dictionary<int, OrtValue[]> _inputs = [];

    /// <param name="baseFolder">The base.</param>
    /// <param name="mode">What learns.</param>
    /// <param name="threads">Threads of the graph.</param>
    public TrainingStep(string baseFolder, TrainingMode mode, int threads)
    {
        _package = BasePackage.Open(baseFolder);
        _graph = TrainingGraph.Build(_package.Architecture, _package.Weights, new TrainingGraphOptions { Mode = mode, Classes = Classes });
        // A plan ahead would be one block of a step's largest need beside what the first step took from the system already.
        using OrtSessionOptions options = SessionThreads.Of(threads).Options().WithoutMemoryPattern().WithExternalData(_package.Folder);
        _session = OrtSession.Create(OnnxWriter.ToBytes(_graph.Step), options);
        Random random = new(1);
        foreach (Parameter parameter in _graph.Parameters)
            _parameters.Add(parameter.Name, OrtValue.FromArray(
                _package.Weights.Tensors.ContainsKey(parameter.Name) ? _package.Weights[parameter.Name].ToSingles() : RandomValues.Normal(random, parameter.ElementCount, 0.05f),
                [.. parameter.Shape]));
    }

    public long ParameterCount => _graph.Parameters.Sum(p => p.ElementCount);

    /// <summary>The multiplications and additions of a step's matrix products.</summary>
    public double Flops(int images) => GraphFlops.Of(_graph.Step, images);

    /// <summary>Runs one step.</summary>
    /// <param name="images">How many pictures, the same ones each time.</param>
    /// <exception cref="InvalidOperationException">A gradient is not finite, or zero everywhere.</exception>
    public void Run(int images)
    {
        OrtValue[] outputs = _session.Run(Inputs(images));
        try
        {
            // The head's gradients are last, and the parameter farthest from the loss third, after loss and logits.
            foreach (OrtValue gradient in (OrtValue[])[outputs[2], outputs[^2]])
            {
                float norm = TensorPrimitives.Norm(gradient.AsSpan<float>());
                if (!(norm > 0) || !float.IsFinite(norm)) throw new InvalidOperationException($"Found a gradient of norm {norm}.");
            }
        }
        finally
        {
            foreach (OrtValue output in outputs) output.Dispose();
        }
    }

    public void Dispose()
    {
        _session.Dispose();
        foreach (OrtValue value in _parameters.Values.Concat(_inputs.Values.SelectMany(v => v)).Distinct()) value.Dispose();
        _package.Dispose();
    }

    private OrtValue[] Inputs(int images)
    {
        if (_inputs.TryGetValue(images, out OrtValue[]? inputs)) return inputs;
        Random random = new(images);
        return _inputs[images] = [.. _session.Inputs.Select(port => _parameters.TryGetValue(port.Name, out OrtValue? parameter) ? parameter : Random(port))];

        OrtValue Random(OrtPort port)
        {
            long[] shape = [images, .. port.Info.Dimensions[1..]];
            return OrtValue.FromArray(
                port.Name == VitGraph.PixelValues
                    ? RandomValues.Normal(random, shape.Aggregate((a, b) => a * b), 1)
                    : [.. Enumerable.Range(0, images * Classes).Select(i => i % Classes == i / Classes % Classes ? 1f / images : 0)], // each picture has its class
                shape);
        }
    }
}
