using MeLo.Edge.Engine;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// A device as the benchmarks use it beside the engine: sessions of their own, values in its memory, and waiting until it has done what it was given. Not
/// thread-safe.
/// </summary>
internal sealed class BenchmarkDevice : IDisposable
{
    private const string Input = "x", Output = "y";

    private readonly OrtMemoryInfo _memory;
    private readonly OrtSession _fence;
    private readonly Dictionary<(int Rank, ElementType Type), OrtSession> _uploads = [];

    /// <exception cref="ProviderException">The provider cannot start here.</exception>
    public BenchmarkDevice(ExecutionProvider provider)
    {
        Provider = ProviderChoice.Make(provider, device: null, _ => { }).Provider;
        _memory = OrtMemoryInfo.ForDevice(Provider.Memory ?? throw new ArgumentException($"found provider {Provider.Name}, expected one with a device", nameof(provider)), Provider.DeviceId);
        GraphBuilder fence = new("fence");
        GraphValue x = fence.Input(Input, ElementType.F32, 1);
        fence.Output(fence.Add(x, x, Output));
        _fence = Session(fence);
    }

    public Provider Provider { get; }

    /// <summary>A session of a graph.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="folder">Where the files lie that it refers to.</param>
    public OrtSession Session(GraphBuilder graph, string? folder = null) => Session(OnnxWriter.ToBytes(graph), folder);

    /// <inheritdoc cref="Session(GraphBuilder, string)"/>
    public OrtSession Session(ReadOnlySpan<byte> graph, string? folder = null)
    {
        using OrtSessionOptions options = Options();
        if (folder is not null) options.WithExternalData(folder);
        return OrtSession.Create(graph, options);
    }

    /// <summary>A session of a model file.</summary>
    public OrtSession Open(string path)
    {
        using OrtSessionOptions options = Options();
        return OrtSession.Create(path, options);
    }

    /// <summary>A tensor in the device's memory, rounded there where <paramref name="type"/> has fewer bits.</summary>
    public OrtValue Upload(float[] values, ReadOnlySpan<long> shape, ElementType type = ElementType.F32)
    {
        if (!_uploads.TryGetValue((shape.Length, type), out OrtSession? session))
        {
            GraphBuilder graph = new("upload");
            GraphValue x = graph.Input(Input, ElementType.F32, [.. Enumerable.Range(0, shape.Length).Select(i => (Dimension)$"d{i}")]);
            graph.Output(type == ElementType.F32 ? graph.Node("Identity", [x], x.Type, x.Shape, name: Output) : graph.Cast(x, type, Output));
            _uploads.Add((shape.Length, type), session = Session(graph));
        }
        using OrtValue host = OrtValue.FromArray(values, shape);
        return Run(session, [host])[0];
    }

    /// <summary>Runs a session whose outputs stay on the device, which may not be done when this returns.</summary>
    /// <param name="session">The session.</param>
    /// <param name="inputs">Its inputs in their order.</param>
    /// <returns>Its outputs in their order; the caller's to dispose of.</returns>
    public OrtValue[] Run(OrtSession session, ReadOnlySpan<OrtValue> inputs)
    {
        using OrtIoBinding binding = Bind(session, inputs);
        foreach (OrtPort output in session.Outputs) binding.BindOutput(output.Name, _memory);
        session.Run(binding);
        return binding.TakeOutputs();
    }

    /// <summary>The same into values that are there already.</summary>
    public static void Run(OrtSession session, ReadOnlySpan<OrtValue> inputs, ReadOnlySpan<OrtValue> outputs)
    {
        using OrtIoBinding binding = Bind(session, inputs);
        for (int i = 0; i < outputs.Length; i++) binding.BindOutput(session.Outputs[i].Name, outputs[i]);
        session.Run(binding);
    }

    /// <summary>Waits until the device has done everything that it was given before: it works in turn, and this brings a number back from it.</summary>
    public void Wait()
    {
        using OrtValue x = OrtValue.FromArray([1], [1]);
        _fence.Run([x])[0].Dispose();
    }

    public void Dispose()
    {
        foreach (OrtSession upload in _uploads.Values) upload.Dispose();
        _fence.Dispose();
        _memory.Dispose();
    }

    private static OrtIoBinding Bind(OrtSession session, ReadOnlySpan<OrtValue> inputs)
    {
        OrtIoBinding binding = new(session);
        for (int i = 0; i < inputs.Length; i++) binding.BindInput(session.Inputs[i].Name, inputs[i]);
        return binding;
    }

    // What runs on the device needs no thread of the host's but the caller's.
    private OrtSessionOptions Options() => Provider.Options(SessionThreads.Of(1));
}
