using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Benchmarks;

/// <summary>Several images in one run of the resident graph, against one after the other; and the memory that they leave behind.</summary>
internal static class BatchBenchmark
{
    private static readonly int[] s_sizes = [1, 2, 4, 8, Probe.MaxInputs];

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 6);
        Command command = new("batch", "Several images in one run, in images per second, and the memory that they leave behind.");
        options.AddTo(command);
        options.AddPrecisionTo(command);
        command.SetAction(result => Run(options.Read(result)));
        return command;
    }

    private static int Run(BenchmarkOptions.Settings settings)
    {
        using BenchmarkModel model = new(settings.Model, settings.Precision);
        using BasePackage package = BasePackage.Open(model.BaseFolder);
        SessionThreads threads = SessionThreads.Of(settings.Threads);
        using ResidentModel resident = new(package, settings.Precision, new CpuProvider(), threads);
        using WeightBuffers pool = new(budget: 0, resident.Merger);
        TaskWeights weights = resident.Merge(model.Adapter, pool.Rent(resident.Merger.MergedBytes(model.Adapter)), pool, threads.Count, out _);
        float[][] pixels = [.. s_sizes.Select(size => Enumerable.Range(1, size).SelectMany(model.Pixels).ToArray())];
        Dictionary<string, double> memory = [];

        // The first images fill what every later one uses again.
        for (int i = 0; i < 3; i++) Images(0);
        Remember("singles");
        for (int i = 0; i < 3; i++) Images(s_sizes.Length - 1);
        Remember("batches");
        for (int i = 0; i < 10; i++) Images(0);
        Remember("singles_again");

        Samples[] times = [.. s_sizes.Select(_ => new Samples())];
        for (int round = 0; round < settings.Rounds; round++)
        {
            Progress.Show($"round {round + 1} of {settings.Rounds}");
            for (int i = 0; i < s_sizes.Length; i++)
            {
                int at = (i + round) % s_sizes.Length;
                long start = Stopwatch.GetTimestamp();
                for (int done = 0; done < s_sizes[^1]; done += s_sizes[at]) Images(at);
                times[at].Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / s_sizes[^1]);
            }
        }
        weights.Release();
        Progress.Clear();
        new Report("batch", settings)
            .Add("per_s", Series(at => 1000 / times[at].Median), "images per second, by images in a run")
            .Add("over_one", Series(at => times[0].Over(times[at])), "throughput over that of single images")
            .Add("resident_mb", memory, "resident memory after single images, after runs of the largest batch, after single images again")
            .Add("spread", times[0].Spread, "of single images: half the distance between the quartiles over the median")
            .Print();
        return 0;

        void Images(int at) => resident.Run(weights, pixels[at], [s_sizes[at], 3, model.Vit.ImageSize, model.Vit.ImageSize], CancellationToken.None);

        void Remember(string when)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            memory.Add(when, MemoryUse.Now(1).ResidentMegabytes);
        }

        Dictionary<string, double> Series(Func<int, double> value) =>
            Enumerable.Range(0, s_sizes.Length).ToDictionary(at => s_sizes[at].ToString(CultureInfo.InvariantCulture), value);
    }
}
