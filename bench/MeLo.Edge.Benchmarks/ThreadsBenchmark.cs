using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using MeLo.Edge.Adapters;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Benchmarks;

/// <summary>What a session's threads should do while they wait: the runtime's settings side by side, over one resident graph each.</summary>
internal static class ThreadsBenchmark
{
    private const int StreamImages = 6;

    // Long enough that every thread sleeps and the caches have been another's.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(150);

    /// <summary>The settings compared; "ours" is what the engine sets.</summary>
    private static (string Name, SessionThreads Threads, string Meaning)[] Policies(int threads) =>
    [
        ("ours", SessionThreads.Of(threads), "as the engine sets them"),
        ("spin", new SessionThreads(threads), "the runtime's defaults: threads spin for a while, in a run and after it"),
        ("stop", new SessionThreads(threads, ("session.force_spinning_stop", "1")), "threads spin in a run and sleep after it"),
        ("block", new SessionThreads(threads, ("session.intra_op.allow_spinning", "0")), "threads sleep whenever there is nothing to do"),
        ("pinned", new SessionThreads(threads, ("session.intra_op_thread_affinities", string.Join(';', Enumerable.Range(2, threads - 1)))), "the runtime's defaults, each thread beside the caller bound to a processor of its own"),
    ];

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 4);
        Option<string[]> only = new("--only") { Description = "The settings to compare, by name; all unless given.", AllowMultipleArgumentsPerToken = true };
        Command command = new("threads", "What the threads of a session do while they wait: a lone image, a stream, the time burnt between images, and a decoder beside.");
        options.AddTo(command);
        options.AddPrecisionTo(command);
        command.Options.Add(only);
        command.SetAction(result => Run(options.Read(result), result.GetValue(only) ?? []));
        return command;
    }

    private static int Run(BenchmarkOptions.Settings settings, string[] only)
    {
        using BenchmarkModel model = new(settings.Model, settings.Precision);
        using BasePackage package = BasePackage.Open(model.BaseFolder);
        float[] pixels = model.Pixels(1);
        byte[] file = PreprocessBenchmark.Png(512, bitDepth: 8, colourType: 2, channels: 3);
        List<Side> sides = [];
        if (settings.Threads < 2) throw new ArgumentException("found one thread, expected two or more: one waits for nobody");
        foreach ((string name, SessionThreads threads, string meaning) in Policies(settings.Threads))
            if (only.Length == 0 || only.Contains(name)) sides.Add(new Side(name, meaning, package, settings.Precision, threads, model.Adapter));

        for (int round = -1; round < settings.Rounds; round++)
        {
            Progress.Show($"round {Math.Max(0, round + 1)} of {settings.Rounds}");
            for (int i = 0; i < sides.Count; i++)
            {
                Side side = sides[(i + round + 1) % sides.Count];
                side.Measure(pixels, model.PixelShape, file, keep: round >= 0);
            }
        }
        Progress.Clear();

        Report report = new("threads", settings);
        foreach (Side side in sides) side.AddTo(report);
        report.Print();
        foreach (Side side in sides) side.Dispose();
        return 0;
    }

    private sealed class Side : IDisposable
    {
        private readonly string _name, _meaning;
        private readonly ResidentModel _model;
        private readonly WeightBuffers _pool;
        private readonly TaskWeights _weights;
        private readonly Samples _lone = new(), _stream = new(), _streamCpu = new(), _idleCpu = new(), _beside = new(), _decode = new(), _files = new();

        public Side(string name, string meaning, BasePackage package, Precision precision, SessionThreads threads, LoraAdapter adapter)
        {
            (_name, _meaning) = (name, meaning);
            _model = new ResidentModel(package, precision, new CpuProvider(), threads);
            _pool = new WeightBuffers(budget: 0, _model.Merger);
            _weights = _model.Merge(adapter, _pool.Rent(_model.Merger.MergedBytes(adapter)), _pool, threads.Count, out _);
        }

        public void Measure(float[] pixels, long[] shape, byte[] file, bool keep)
        {
            Thread.Sleep(s_pause);
            double lone = Milliseconds(() => _model.Run(_weights, pixels, shape, CancellationToken.None));
            TimeSpan before = Cpu();
            Thread.Sleep(s_pause);
            double idle = (Cpu() - before).TotalMilliseconds;
            before = Cpu();
            double stream = Milliseconds(() => Stream(pixels, shape)) / StreamImages;
            double streamCpu = (Cpu() - before).TotalMilliseconds / StreamImages;
            (double beside, double decode) = BesideDecoder(pixels, shape, file);
            double files = Milliseconds(() => Files(shape, file)) / StreamImages;
            if (!keep) return;
            _files.Add(files);
            _lone.Add(lone);
            _idleCpu.Add(idle);
            _stream.Add(stream);
            _streamCpu.Add(streamCpu);
            _beside.Add(beside);
            _decode.Add(decode);
        }

        public void AddTo(Report report) => report
            .Add($"{_name}_lone_ms", _lone.Median, $"one image after a pause; {_meaning}")
            .Add($"{_name}_stream_ms", _stream.Median, "an image of several in a row")
            .Add($"{_name}_stream_cpu_ms", _streamCpu.Median, "processor time of it, all threads")
            .Add($"{_name}_idle_cpu_ms", _idleCpu.Median, $"processor time in the {s_pause.TotalMilliseconds} ms after an image")
            .Add($"{_name}_files_ms", _files.Median, "an image of several, decoded and prepared on another thread ahead of its turn")
            .Add($"{_name}_beside_ms", _beside.Median, "an image of several in a row while another thread decodes pictures")
            .Add($"{_name}_decode_ms", _decode.Median, "a picture decoded and prepared meanwhile");

        public void Dispose()
        {
            _weights.Release();
            _pool.Dispose();
            _model.Dispose();
        }

        private void Stream(float[] pixels, long[] shape)
        {
            for (int i = 0; i < StreamImages; i++) _model.Run(_weights, pixels, shape, CancellationToken.None);
        }

        // As in the service: while one image runs, the next is decoded.
        private void Files(long[] shape, byte[] file)
        {
            using BlockingCollection<float[]> prepared = new(boundedCapacity: 2);
            Thread decoder = new(() =>
            {
                for (int i = 0; i < StreamImages; i++)
                {
                    float[] tensor = new float[PreprocessRecipe.Half.TensorLength];
                    Preprocessing.Apply(RasterDecoder.Decode(file), PreprocessRecipe.Half, tensor);
                    prepared.Add(tensor);
                }
                prepared.CompleteAdding();
            });
            decoder.Start();
            foreach (float[] tensor in prepared.GetConsumingEnumerable()) _model.Run(_weights, tensor, shape, CancellationToken.None);
            decoder.Join();
        }

        private (double Image, double Decode) BesideDecoder(float[] pixels, long[] shape, byte[] file)
        {
            using CancellationTokenSource ended = new();
            int decoded = 0;
            long elapsed = 0;
            Thread decoder = new(() =>
            {
                long start = Stopwatch.GetTimestamp();
                float[] tensor = new float[PreprocessRecipe.Half.TensorLength];
                while (!ended.IsCancellationRequested)
                {
                    Preprocessing.Apply(RasterDecoder.Decode(file), PreprocessRecipe.Half, tensor);
                    decoded++;
                }
                elapsed = Stopwatch.GetTimestamp() - start;
            });
            decoder.Start();
            double image = Milliseconds(() => Stream(pixels, shape)) / StreamImages;
            ended.Cancel();
            decoder.Join();
            return (image, TimeSpan.FromTicks(elapsed * TimeSpan.TicksPerSecond / Stopwatch.Frequency).TotalMilliseconds / decoded);
        }

        private static double Milliseconds(Action action)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        private static TimeSpan Cpu() => Environment.CpuUsage.TotalTime;
    }
}
