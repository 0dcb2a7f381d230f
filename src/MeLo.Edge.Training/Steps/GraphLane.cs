using System.Numerics.Tensors;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Training.Optimization;

namespace MeLo.Edge.Training.Steps;

/// <summary>What one run of a graph reads and writes, so that others can go beside it. Not thread-safe.</summary>
internal sealed class GraphLane : IDisposable
{
    private readonly OrtSession _session;
    private readonly OrtIoBinding _binding;
    private readonly IReadOnlyList<(string Name, OrtValue Value)> _values;
    private readonly bool _isDevice;
    private readonly (LearnedParameter Parameter, float[] Gradient, OrtValue Value)[] _gradients;
    private readonly string[] _made;

    /// <param name="session">The graph's session.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="isDevice">Whether it runs in memory that is not the host's.</param>
    /// <param name="values">The parameters' values, the caller's.</param>
    /// <param name="parameters">What learns.</param>
    /// <param name="ownsGradients">Whether gradients are written to memory of the lane's own, not to the parameters'.</param>
    public GraphLane(
        OrtSession session, GraphBuilder graph, bool isDevice, IReadOnlyList<(string Name, OrtValue Value)> values, IReadOnlyList<LearnedParameter> parameters, bool ownsGradients)
    {
        (_session, _values, _isDevice) = (session, values, isDevice);
        _binding = new OrtIoBinding(session);
        foreach ((string name, OrtValue value) in values) _binding.BindInput(name, value);
        HashSet<string> outputs = [.. graph.Outputs.Select(o => o.Name)];
        _gradients = [.. parameters.Where(p => outputs.Remove(p.GradientName)).Select(p =>
        {
            float[] gradient = ownsGradients ? new float[p.Gradient.Length] : p.Gradient;
            return (p, gradient, OrtValue.FromArray(gradient, [.. p.Shape]));
        })];
        foreach ((LearnedParameter parameter, _, OrtValue value) in _gradients) _binding.BindOutput(parameter.GradientName, value);
        // The others' shapes depend on the batch.
        _made = [.. outputs.Order(StringComparer.Ordinal)];
    }

    /// <summary>Runs the graph once.</summary>
    /// <param name="inputs">Every input that is no parameter.</param>
    /// <param name="cancellation">Stops the run at the next operator.</param>
    /// <returns>The outputs that are no gradients, by name.</returns>
    public IReadOnlyDictionary<string, float[]> Run(IReadOnlyList<GraphInput> inputs, CancellationToken cancellation)
    {
        // A device has a copy of what was bound; the host's memory is used where it lies.
        if (_isDevice)
            foreach ((string name, OrtValue value) in _values) _binding.BindInput(name, value);
        List<OrtValue> given = [];
        using OrtRunOptions? options = cancellation.CanBeCanceled ? new OrtRunOptions() : null;
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static o => ((OrtRunOptions)o!).Terminate(), options);
        try
        {
            foreach (GraphInput input in inputs)
            {
                OrtValue value = OrtValue.FromArray(input.Values, input.Shape);
                given.Add(value);
                _binding.BindInput(input.Name, value);
            }
            foreach (string name in _made) _binding.BindOutput(name, OrtLibrary.HostMemory);
            _session.Run(_binding, options);
            return Take();
        }
        catch (OrtException)
        {
            cancellation.ThrowIfCancellationRequested();
            throw;
        }
        finally
        {
            foreach (OrtValue value in given) value.Dispose();
        }
    }

    /// <summary>Adds the last run's gradients to the parameters'.</summary>
    public void AddGradients()
    {
        foreach ((LearnedParameter parameter, float[] gradient, _) in _gradients) TensorPrimitives.Add(parameter.Gradient, gradient, parameter.Gradient);
    }

    public void Dispose()
    {
        _binding.Dispose();
        foreach ((_, _, OrtValue value) in _gradients) value.Dispose();
    }

    // In the order they were bound: the gradients were first.
    private Dictionary<string, float[]> Take()
    {
        OrtValue[] outputs = _binding.TakeOutputs();
        try
        {
            return _made.Select((name, i) => (name, outputs[_gradients.Length + i].AsSpan<float>().ToArray())).ToDictionary();
        }
        finally
        {
            foreach (OrtValue output in outputs) output.Dispose();
        }
    }
}
