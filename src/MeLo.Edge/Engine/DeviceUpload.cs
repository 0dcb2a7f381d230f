using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Engine;

/// <summary>Brings tensors of the host to a device, one at a time, as they are or as another type. The runtime holds a second copy there meanwhile.</summary>
internal sealed class DeviceUpload(Provider provider) : IDisposable
{
    private const string From = "from", To = "to";

    private readonly OrtMemoryInfo _memory = OrtMemoryInfo.ForDevice(provider.Memory!, provider.DeviceId);
    private readonly Dictionary<(ElementType From, ElementType To, int Rank), OrtSession> _sessions = [];

    /// <summary>A copy on the device.</summary>
    /// <param name="tensor">What to copy.</param>
    /// <param name="type">The type to have there; rounded to nearest where it is narrower.</param>
    /// <exception cref="OrtException">The device failed.</exception>
    public unsafe OrtValue Send(TensorView tensor, ElementType type)
    {
        OrtSession session = SessionFor(tensor.Type, type, tensor.Shape.Count);
        using OrtIoBinding binding = new(session);
        fixed (byte* bytes = tensor.Bytes)
        {
            using OrtValue host = OrtValue.Over(bytes, tensor.ByteLength, tensor.Type, [.. tensor.Shape]);
            binding.BindInput(From, host);
            binding.BindOutput(To, _memory);
            session.Run(binding);
        }
        return binding.TakeOutputs()[0];
    }

    /// <summary>Ends it; what was sent stays.</summary>
    public void Dispose()
    {
        foreach (OrtSession session in _sessions.Values) session.Dispose();
        _memory.Dispose();
    }

    private OrtSession SessionFor(ElementType from, ElementType to, int rank)
    {
        if (_sessions.TryGetValue((from, to, rank), out OrtSession? session)) return session;
        GraphBuilder graph = new("upload");
        GraphValue x = graph.Input(From, from, [.. Enumerable.Range(0, rank).Select(i => (Dimension)$"d{i}")]);
        graph.Output(from == to ? graph.Node("Identity", [x], x.Type, x.Shape, name: To) : graph.Cast(x, to, To));
        using OrtSessionOptions options = provider.Options(SessionThreads.Of(1));
        session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
        _sessions.Add((from, to, rank), session);
        provider.NodesOnHost(session, strict: true);
        return session;
    }
}
