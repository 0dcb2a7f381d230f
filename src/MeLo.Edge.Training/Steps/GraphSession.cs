using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Training.Optimization;

namespace MeLo.Edge.Training.Steps;

/// <summary>A training graph that runs with parameters which lie in this process: their values are seen as they are at each run. Not thread-safe.</summary>
internal sealed class GraphSession : IDisposable
{
    private readonly OrtSession _session;
    private readonly OrtIoBinding _binding;
    private readonly bool _isDevice;
    private readonly List<(string Name, OrtValue Value)> _values = [];
    private readonly List<OrtValue> _gradients = [];
    private readonly string[] _made;

    /// <param name="graph">The graph.</param>
    /// <param name="weightsFolder">Where the files lie that its constants refer to.</param>
    /// <param name="provider">Where it runs.</param>
    /// <param name="threads">Threads of the host that compute; 0 for one a core.</param>
    /// <param name="parameters">What learns: inputs of the graph. Gradients that the graph has as outputs are written to them.</param>
    /// <exception cref="ProviderException">The provider cannot start.</exception>
    public GraphSession(GraphBuilder graph, string weightsFolder, Provider provider, int threads, IReadOnlyList<LearnedParameter> parameters)
    {
        using OrtSessionOptions options = provider.Options(SessionThreads.Of(threads)).WithExternalData(weightsFolder);
        _isDevice = provider.IsDevice;
        _session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
        _binding = new OrtIoBinding(_session);
        HashSet<string> outputs = [.. graph.Outputs.Select(o => o.Name)];
        foreach (LearnedParameter parameter in parameters)
        {
            long[] shape = [.. parameter.Shape];
            OrtValue value = OrtValue.FromArray(parameter.Values, shape);
            _values.Add((parameter.Name, value));
            _binding.BindInput(parameter.Name, value);
            if (!outputs.Remove(parameter.GradientName)) continue;
            OrtValue gradient = OrtValue.FromArray(parameter.Gradient, shape);
            _gradients.Add(gradient);
            _binding.BindOutput(parameter.GradientName, gradient);
        }
        // The others' shapes depend on the batch.
        _made = [.. outputs.Order(StringComparer.Ordinal)];
    }

    /// <summary>Runs the graph once.</summary>
    /// <param name="inputs">Every input that is no parameter.</param>
    /// <param name="cancellation">Stops the run at the next operator.</param>
    /// <returns>The outputs that are no gradients, by name.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ProviderException">The device failed.</exception>
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

    public void Dispose()
    {
        _binding.Dispose();
        foreach ((_, OrtValue value) in _values) value.Dispose();
        foreach (OrtValue gradient in _gradients) gradient.Dispose();
        _session.Dispose();
    }

    // In the order they were bound: the gradients were first.
    private Dictionary<string, float[]> Take()
    {
        OrtValue[] outputs = _binding.TakeOutputs();
        try
        {
            return _made.Select((name, i) => (name, outputs[_gradients.Count + i].AsSpan<float>().ToArray())).ToDictionary();
        }
        finally
        {
            foreach (OrtValue output in outputs) output.Dispose();
        }
    }
}
