using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Training.Tests.Gradients;

/// <summary>A graph in the real ONNX Runtime.</summary>
internal sealed class RuntimeGraph : IDisposable
{
    private readonly OrtSession _session;

    /// <param name="graph">The graph.</param>
    /// <param name="folder">Where the files lie that its constants refer to.</param>
    /// <param name="device">Where it runs; null for the host.</param>
    public RuntimeGraph(GraphBuilder graph, string? folder = null, Provider? device = null)
    {
        using OrtSessionOptions options = device is null ? SessionThreads.Of(2).Options() : device.Options(SessionThreads.Of(1));
        if (folder is not null) options.WithExternalData(folder);
        _session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
    }

    /// <summary>The operators that run on the host beside a device.</summary>
    public IEnumerable<string> OperatorsOnHost => _session.NodesOnHost()!.Keys;

    /// <summary>The outputs by name.</summary>
    public Dictionary<string, float[]> Run(IReadOnlyDictionary<string, DoubleTensor> inputs)
    {
        OrtValue[] values = [.. _session.Inputs.Select(p => OrtValue.FromArray([.. inputs[p.Name].Values.Select(v => (float)v)], [.. inputs[p.Name].Shape.Select(s => (long)s)]))];
        OrtValue[] outputs = _session.Run(values);
        try
        {
            return _session.Outputs.Zip(outputs).ToDictionary(p => p.First.Name, p => p.Second.AsSpan<float>().ToArray());
        }
        finally
        {
            foreach (OrtValue value in values.Concat(outputs)) value.Dispose();
        }
    }

    public void Dispose() => _session.Dispose();
}
