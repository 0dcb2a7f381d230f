using System.Diagnostics;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Onnx;
using MeLo.Edge.Tensors;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// What a device can do at most, measured through the same runtime: how fast it copies within its memory, and how fast it multiplies matrices. Sizes double until
/// the device is busy for so long that starting it does not count.
/// </summary>
internal static class DeviceLimits
{
    // Operators in a run, each with an output of its own that is there already: nothing is allocated while time is taken.
    private const int Operators = 4;

    // Runs that the device is given before it is waited for.
    private const int Runs = 4;

    private const int Repeats = 3;

    // Elements: 1 MiB, which a software driver can move, to 256 MiB, several times any device's caches.
    private const int SmallestCopy = 1 << 18, LargestCopy = 1 << 26;

    private const int SmallestMatrix = 256, LargestMatrix = 8192;

    // Random numbers that are drawn; they repeat, or drawing them would take longer than all the rest. No power of two, lest rows of a matrix be alike.
    private const int Drawn = 1_000_003;

    // Starting a run takes a device some tenths of a millisecond.
    private static readonly TimeSpan s_long = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// The bytes per second that a copy moves, read and written ones counted; the better of two ways to copy: by a shader, as a merge writes its result, and as
    /// the runtime moves a tensor, by whatever the driver has for that.
    /// </summary>
    public static double CopyBytesPerSecond(BenchmarkDevice device) => Best(
        device, SmallestCopy, LargestCopy,
        count => 2.0 * sizeof(float) * count,
        count => (device.Upload(Values(count, 1), [count]), device.Upload(Values(count, 1), [count])),
        keepBest: false, // smaller tensors lie in a cache, which is faster than the memory
        (graph, x, _) => graph.Add(x, graph.Constant($"{x.Name}.step", [1e-6f])),
        (graph, x, _) => graph.Node("Identity", [x], x.Type, x.Shape));

    /// <summary>The multiplications and additions per second of products of large square matrices; the better of both operators that ONNX has for them.</summary>
    public static double FlopsPerSecond(BenchmarkDevice device, ElementType type) => Best(
        device, SmallestMatrix, LargestMatrix,
        size => 2.0 * size * size * size,
        size => (device.Upload(Values(size * size, 1), [size, size], type), device.Upload(Values(size * size, 1 / MathF.Sqrt(size)), [size, size], type)),
        keepBest: true,
        (graph, x, y) => graph.MatMul(x, y),
        (graph, x, y) => graph.Gemm(x, y));

    // The most work per second of several operators that do it, with the largest size or with any.
    private static double Best(
        BenchmarkDevice device, int smallest, int largest, Func<int, double> work, Func<int, (OrtValue X, OrtValue Y)> upload, bool keepBest,
        params ReadOnlySpan<Func<GraphBuilder, GraphValue, GraphValue, GraphValue>> operators)
    {
        double best = 0;
        TimeSpan shortest = TimeSpan.Zero;
        for (int size = smallest; size <= largest && shortest < s_long; size *= 2)
        {
            try
            {
                (OrtValue x, OrtValue y) = upload(size);
                using (x)
                using (y)
                {
                    shortest = TimeSpan.MaxValue;
                    double now = 0;
                    foreach (Func<GraphBuilder, GraphValue, GraphValue, GraphValue> add in operators)
                    {
                        TimeSpan time = Time(device, x, y, add);
                        now = Math.Max(now, work(size) * Operators * Runs / time.TotalSeconds);
                        if (time < shortest) shortest = time;
                    }
                    best = keepBest ? Math.Max(best, now) : now;
                }
            }
            catch (OrtException) when (best > 0)
            {
                break; // larger than the device takes
            }
        }
        return best;
    }

    // The shortest of several times, without the wait at its end.
    private static TimeSpan Time(BenchmarkDevice device, OrtValue x, OrtValue y, Func<GraphBuilder, GraphValue, GraphValue, GraphValue> add)
    {
        GraphBuilder graph = new("limit");
        GraphValue second = graph.Input("y", y.Info.Type, [.. y.Info.Dimensions.Select(d => (Dimension)d)]);
        // Inputs of several names, or the runtime would do once what is there several times.
        for (int i = 0; i < Operators; i++)
        {
            using IDisposable scope = graph.Scope($"{i}");
            graph.Output(add(graph, graph.Input($"x{i}", x.Info.Type, [.. x.Info.Dimensions.Select(d => (Dimension)d)]), second));
        }
        using OrtSession session = device.Session(graph);
        OrtValue[] inputs = [y, .. Enumerable.Repeat(x, Operators)], outputs = device.Run(session, inputs);
        try
        {
            TimeSpan best = TimeSpan.MaxValue, wait = TimeSpan.MaxValue;
            for (int i = 0; i < Repeats; i++)
            {
                device.Wait();
                wait = Shorter(wait, device.Wait);
                best = Shorter(best, () =>
                {
                    for (int run = 0; run < Runs; run++) BenchmarkDevice.Run(session, inputs, outputs);
                    device.Wait();
                });
            }
            return best > wait ? best - wait : TimeSpan.MaxValue; // too short to be told from nothing
        }
        finally
        {
            foreach (OrtValue output in outputs) output.Dispose();
        }
    }

    private static TimeSpan Shorter(TimeSpan before, Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        TimeSpan now = Stopwatch.GetElapsedTime(start);
        return now < before ? now : before;
    }

    // Not zeros: a device may run faster on those than it ever does on data.
    private static float[] Values(int count, float largest)
    {
        Random random = new(1);
        float[] values = new float[count];
        Span<float> drawn = values.AsSpan(0, Math.Min(count, Drawn));
        foreach (ref float value in drawn) value = ((2 * random.NextSingle()) - 1) * largest;
        for (int at = drawn.Length; at < count; at += drawn.Length) drawn[..Math.Min(drawn.Length, count - at)].CopyTo(values.AsSpan(at));
        return values;
    }
}
