using System.Diagnostics;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests;

namespace MeLo.Edge.Benchmarks;

/// <summary>The machine's peak of matrix products in the runtime: one Gemm of large square matrices, which is nothing but that.</summary>
internal sealed class PeakProducts : IDisposable
{
    // Far more arithmetic than memory traffic, and less than a tenth of a second.
    private const int Size = 2048;

    private readonly OrtSession _session;
    private readonly OrtValue _a = Matrix(1), _b = Matrix(2);

    /// <param name="threads">Threads of the product.</param>
    public PeakProducts(int threads)
    {
        GraphBuilder graph = new("peak");
        graph.Output(graph.Gemm(graph.Input("a", ElementType.F32, Size, Size), graph.Input("b", ElementType.F32, Size, Size)));
        using OrtSessionOptions options = SessionThreads.Of(threads).Options();
        _session = OrtSession.Create(OnnxWriter.ToBytes(graph), options);
        FlopsPerSecond(); // the first run allocates
    }

    /// <summary>Multiplications and additions per second, of one product.</summary>
    public double FlopsPerSecond()
    {
        long start = Stopwatch.GetTimestamp();
        using OrtValue product = _session.Run([_a, _b])[0];
        return 2.0 * Size * Size * Size / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    public void Dispose()
    {
        _session.Dispose();
        _a.Dispose();
        _b.Dispose();
    }

    private static OrtValue Matrix(int seed) => OrtValue.FromArray(RandomValues.Normal(new Random(seed), (long)Size * Size, 1 / MathF.Sqrt(Size)), [Size, Size]);
}
