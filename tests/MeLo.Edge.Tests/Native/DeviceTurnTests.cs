using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Providers;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Engine;

namespace MeLo.Edge.Tests.Native;

/// <summary>The runtime's store of a WebGPU device's buffers is guarded by nobody but us: what is freed takes its turn with what runs.</summary>
[Collection(nameof(DeviceTests))]
public sealed class DeviceTurnTests
{
    [Fact]
    public void ValuesFreedWhileAnotherThreadRuns_DoNoHarm() => FaultyProcess.Run(_ => FreeWhileRunning(), typeof(DeviceTurnTests));

    // Without turns the store's lists are torn: the process ends, or two values get the same buffer.
    private static void FreeWhileRunning()
    {
        const int Outputs = 64, Length = 16, Rounds = 300;
        WebGpuProvider provider = new();
        using OrtSession many = Create(provider, graph =>
        {
            GraphValue x = graph.Input("x", ElementType.F32, Length);
            return [.. Enumerable.Range(0, Outputs).Select(i => graph.Add(x, x, $"y{i}"))];
        });
        using OrtSession one = Create(provider, graph =>
        {
            GraphValue x = graph.Input("x", ElementType.F32, Length);
            return [graph.Add(x, x, "y")];
        });
        using OrtMemoryInfo memory = OrtMemoryInfo.ForDevice(provider.Memory);
        using OrtValue input = OrtValue.FromArray([.. Enumerable.Range(0, Length).Select(i => (float)i)], [Length]);
        for (int round = 0; round < Rounds; round++)
        {
            using OrtIoBinding binding = new(many);
            binding.BindInput("x", input);
            for (int i = 0; i < Outputs; i++) binding.BindOutput($"y{i}", memory);
            many.Run(binding);
            OrtValue[] values = binding.TakeOutputs();
            binding.Clear();
            Task free = Task.Run(() => { foreach (OrtValue value in values) value.Dispose(); }, TestContext.Current.CancellationToken);
            while (!free.IsCompleted) RunOne();
            free.GetAwaiter().GetResult();
        }

        void RunOne()
        {
            using OrtValue output = one.Run([input])[0];
            ReadOnlySpan<float> found = output.AsSpan<float>();
            for (int i = 0; i < Length; i++) Assert.Equal(2f * i, found[i]);
        }
    }

    private static OrtSession Create(WebGpuProvider provider, Func<GraphBuilder, GraphValue[]> build)
    {
        GraphBuilder graph = new("turns");
        foreach (GraphValue output in build(graph)) graph.Output(output);
        using OrtSessionOptions options = provider.Options(SessionThreads.Of(1));
        return OrtSession.Create(OnnxWriter.ToBytes(graph), options);
    }
}
