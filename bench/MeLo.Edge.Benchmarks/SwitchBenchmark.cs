using System.CommandLine;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// What changing task costs: cold (merged on the way), warm (still cached), and without this project (an ONNX Runtime session
/// created from the other task's own model file). Switches are measured where they happen, between real runs of the graph.
/// </summary>
internal static class SwitchBenchmark
{
    // .NET compiles what was called thirty times anew, on a thread that takes a core from the first switches: they are not what a device does all day.
    private const int WarmUpRounds = 50;

    private static readonly int[] s_installed = [1, 10, 100];

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 25);
        Command command = new("switch", "Cold and warm task switches against a multi-threaded copy of the same bytes and against reloading a session.");
        options.AddTo(command);
        options.AddPrecisionTo(command);
        options.AddProviderTo(command);
        command.SetAction((result, cancellation) =>
        {
            BenchmarkOptions.Settings settings = options.Read(result);
            return settings.IsDevice ? DeviceSwitch.RunAsync(settings, cancellation) : RunAsync(settings, cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(BenchmarkOptions.Settings settings, CancellationToken cancellation)
    {
        using BenchmarkModel model = new(settings.Model, settings.Precision);
        Samples cold = new(), merge = new(), warm = new(), copy = new(), reload = new(), reloadMapped = new(), bind = new(), lookup = new(), allocate = new(), warmRun = new(), sameRun = new(), coldRun = new();
        // Two tasks fit. The last stays, being used in every round; of the three others the next was always evicted.
        using (EdgeEngine engine = model.Load(settings.Threads, cachedTasks: 2))
        using (MemoryCopy copying = new(model.TaskBytes, settings.Threads))
        using (MemoryFold folding = new(model.PristineBytes, settings.Threads))
        {
            // What a merge must read and write: as much as it reads, or for int8 a quarter.
            Action memory = settings.Precision == Precision.Int8 ? folding.Run : copying.Run;
            InstalledTask[] tasks = model.Install(engine, 4);
            PreparedImage image = PreparedImage.FromPixels(model.Pixels(1), tasks[0].Description.Input);
            for (int round = -WarmUpRounds; round < settings.Rounds; round++)
            {
                Progress.Show($"round {Math.Max(0, round + 1)} of {settings.Rounds}");
                // What the last round's sessions left to the system to clean up is over when this run is.
                await engine.PredictAsync(tasks[3], image, cancellation);
                Prediction first = await engine.PredictAsync(tasks[(round + WarmUpRounds) % 3], image, cancellation);
                Prediction back = await engine.PredictAsync(tasks[3], image, cancellation);
                Prediction same = await engine.PredictAsync(tasks[3], image, cancellation);
                if (round < 0)
                {
                    memory();
                    continue;
                }
                Require(first, SwitchKind.Cold);
                Require(back, SwitchKind.Warm);
                cold.Add(first.Timing.Switch.TotalMicroseconds / 1000);
                merge.Add(first.Timing.Switch.MergeMicroseconds / 1000);
                lookup.Add(first.Timing.Switch.LookupMicroseconds);
                allocate.Add(first.Timing.Switch.AllocateMicroseconds);
                bind.Add(first.Timing.Switch.BindMicroseconds);
                warm.Add(back.Timing.Switch.TotalMicroseconds / 1000);
                coldRun.Add(first.Timing.InferenceMilliseconds);
                warmRun.Add(back.Timing.InferenceMilliseconds);
                sameRun.Add(same.Timing.InferenceMilliseconds);
                copy.Time(memory);
                Reload(model.MergedModel, reload);
                Reload(model.MergedModelBesideWeights, reloadMapped);
            }
        }
        Dictionary<string, double> warmByInstalled = [];
        foreach (int count in s_installed) warmByInstalled.Add($"{count}", await WarmMicroseconds(model, settings, count, cancellation));
        Progress.Clear();

        double gigabytes = model.TaskBytes / 1e9;
        new Report("switch", settings)
            .Add("switched_mb", model.TaskBytes / 1e6, "bytes of the matrices that change")
            .Add("cold_ms", cold.Median, "cold switch: decision to ready, merge included")
            .Add("cold_p99_ms", cold.P99, "its 99th percentile")
            .Add("merge_ms", merge.Median, "the merge alone")
            .Add("merge_gb_per_s", (gigabytes + (model.PristineBytes / 1e9)) / merge.Median * 1000, "its memory traffic: W read, W' written")
            .Add("warm_us", warm.Median * 1000, "warm switch: decision to ready")
            .Add("warm_p99_us", warm.P99 * 1000, "its 99th percentile")
            .Add("copy_bound_ms", copy.Median, "the limit: reading and writing as many bytes by as many threads")
            .Add("session_reload_ms", reload.Median, "without this project: a session created from a merged model file, as PyTorch exports it")
            .Add("session_reload_mapped_ms", reloadMapped.Median, "the same with the weights in a file beside the model, which the runtime maps")
            .Add("cold_over_copy_bound", cold.Over(copy), "aim: at most 1.5")
            .Add("reload_over_cold", reload.Over(cold), "aim: above 100")
            .Add("reload_mapped_over_cold", reloadMapped.Over(cold), "")
            .Add("reload_over_warm", reload.Over(warm), "")
            .Add("cold_lookup_us", lookup.Median, "of a cold switch: finding the task and making room for it")
            .Add("cold_allocate_us", allocate.Median, "of a cold switch: taking a buffer")
            .Add("cold_bind_us", bind.Median, "of a cold switch: describing the matrices to the runtime")
            .Add("run_after_cold_over_run_without_switch", coldRun.Over(sameRun), "what a switch costs the run behind it")
            .Add("run_after_warm_over_run_without_switch", warmRun.Over(sameRun), "likewise")
            .Add("cold_spread", cold.Spread, "half the distance between the quartiles over the median")
            .Add("warm_us_by_installed", warmByInstalled, "warm switches with so many tasks installed; aim: flat")
            .Print();
        return 0;

        void Reload(string path, Samples samples)
        {
            OrtSession? session = null;
            samples.Time(() => session = BenchmarkModel.LoadModel(path, settings.Threads));
            session!.Dispose();
        }
    }

    // Two cached tasks take turns among many installed ones.
    private static async Task<double> WarmMicroseconds(BenchmarkModel model, BenchmarkOptions.Settings settings, int installed, CancellationToken cancellation)
    {
        using EdgeEngine engine = model.Load(settings.Threads, cachedTasks: 2);
        Progress.Show($"installing {installed}");
        InstalledTask[] tasks = model.Install(engine, installed);
        PreparedImage image = PreparedImage.FromPixels(model.Pixels(1), tasks[0].Description.Input);
        Samples warm = new();
        for (int round = -2; round < settings.Rounds; round++)
        {
            Prediction prediction = await engine.PredictAsync(tasks[(round + 2) % Math.Min(2, installed)], image, cancellation);
            if (round < 0) continue;
            Require(prediction, SwitchKind.Warm);
            warm.Add(prediction.Timing.Switch.TotalMicroseconds);
        }
        return warm.Median;
    }

    /// <summary>Makes sure that the switch which is measured is one of the kind that is to be measured.</summary>
    public static void Require(Prediction prediction, SwitchKind kind)
    {
        if (prediction.Timing.Switch.Kind != kind)
            throw new InvalidOperationException($"Found a {prediction.Timing.Switch.Kind} switch where a {kind} one was to be measured.");
    }
}
