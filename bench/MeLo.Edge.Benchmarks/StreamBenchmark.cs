using System.CommandLine;
using System.Diagnostics;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>Images of four tasks in a stream: this project, one task alone, and what a user would do without it.</summary>
internal static class StreamBenchmark
{
    private const int Tasks = 4, Images = 8, PictureSide = 512, ServicePictures = 120, ServiceRounds = 2;

    // With the runtime's defaults a session's threads spin for some 35 ms after a run (decision 9); until they sleep they take the cores from the next side.
    private static readonly TimeSpan s_calm = TimeSpan.FromMilliseconds(100);

    private static readonly int[] s_grouped = [.. Enumerable.Range(0, Images).Select(i => i * Tasks / Images)];
    private static readonly int[] s_alternating = [.. Enumerable.Range(0, Images).Select(i => i % Tasks)];

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 15);
        Command command = new("stream", "Four tasks mixed, in images per second, against one task alone, sessions, reloading and unmerged adapters.");
        options.AddTo(command);
        options.AddPrecisionTo(command);
        options.AddProviderTo(command);
        Option<FileInfo?> service = new("--service") { Description = "A published MeLo.Edge.Service, to measure from its inbox to its outbox too." };
        command.Options.Add(service);
        Option<bool> brief = new("--brief") { Description = "Leave out the sides that load sessions again and the memory; they take most of the time." };
        command.Options.Add(brief);
        command.SetAction((result, cancellation) =>
        {
            BenchmarkOptions.Settings settings = options.Read(result);
            return settings.IsDevice ? DeviceStream.RunAsync(settings, cancellation) : RunAsync(settings, result.GetValue(service), result.GetValue(brief), cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(BenchmarkOptions.Settings settings, FileInfo? service, bool brief, CancellationToken cancellation)
    {
        using BenchmarkModel model = new(settings.Model, settings.Precision);
        MemoryUse? ours = brief ? null : await MemoryProbe.MeasureAsync(model, settings, MemorySide.Ours, Tasks, cancellation);
        MemoryUse? theirs = brief ? null : await MemoryProbe.MeasureAsync(model, settings, MemorySide.Sessions, Tasks, cancellation);
        using EdgeEngine warmEngine = model.Load(settings.Threads, Tasks), coldEngine = model.Load(settings.Threads, 1);
        InstalledTask[] warm = model.Install(warmEngine, Tasks), cold = model.Install(coldEngine, Tasks);
        using PlainSession unmerged = new(model.WriteUnmergedModel(), model.Adapter, settings.Threads);
        PlainSession[] sessions = [.. Enumerable.Range(0, Tasks).Select(_ => new PlainSession(model.MergedModel, model.Adapter, settings.Threads))];
        float[] pixels = model.Pixels(1);
        PreparedImage image = PreparedImage.FromPixels(pixels, warm[0].Description.Input);
        PictureFiles pictures = new(Path.Combine(model.Folder, "pictures"), Images, PictureSide);
        Check(await warmEngine.PredictAsync(warm[0], image, cancellation), sessions[0].Run(pixels, model.PixelShape), unmerged.Run(pixels, model.PixelShape), settings);

        float[][] expected = new float[Tasks][]; // every task's logits, alone
        for (int task = 0; task < Tasks; task++) expected[task] = Logits(await warmEngine.PredictAsync(warm[task], image, cancellation));

        bool first = true; // the round that fills the caches
        Side alone = new(() => Ours(warmEngine, warm, new int[Images])), grouped = new(() => Ours(warmEngine, warm, s_grouped)),
            alternating = new(() => Ours(warmEngine, warm, s_alternating)), alternatingCold = new(() => Ours(coldEngine, cold, s_alternating)),
            session = new(() => Plain(s_alternating, task => sessions[task])), inputs = new(() => Plain(s_alternating, _ => unmerged)),
            reload = new(() => Reload(s_alternating)), reloadGrouped = new(() => Reload(s_grouped)),
            files = new(() => pictures.RunOverlappedAsync(warmEngine, warm[0], cancellation)), filesInTurn = new(() => pictures.RunInTurnAsync(warmEngine, warm[0], cancellation));
        Samples prepare = new();
        Side[] sides = [alone, grouped, alternating, alternatingCold, session, inputs, files, filesInTurn, .. brief ? (Side[])[] : [reload, reloadGrouped]];
        for (int round = -1; round < settings.Rounds; round++)
        {
            first = round < 0;
            Progress.Show($"round {Math.Max(0, round + 1)} of {settings.Rounds}");
            if (round >= 0) prepare.Add(pictures.Prepare(warmEngine, warm[0]));
            // Who goes first changes from round to round: each side finds the caches as the one before it left them.
            for (int i = 0; i < sides.Length; i++)
            {
                Side side = sides[(i + round + 1) % sides.Length];
                await Task.Delay(s_calm, cancellation);
                long start = Stopwatch.GetTimestamp();
                await side.Run();
                if (round >= 0) side.Samples.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / Images);
            }
        }
        foreach (PlainSession one in sessions) one.Dispose();
        double bound = alone.Samples.Median / (alone.Samples.Median + (prepare.Median / Math.Min(settings.Threads, Environment.ProcessorCount)));
        Samples? serviceTimes = null;
        if (service is not null)
        {
            Progress.Show("the service");
            serviceTimes = new Samples();
            StartFiles installed = StartFiles.Write(model, settings.Threads);
            for (int i = 0; i < ServiceRounds; i++) serviceTimes.Add(await ServiceStream.MeasureAsync(service.FullName, installed, settings.Precision, ServicePictures, cancellation));
        }
        Progress.Clear();

        Report report = new Report("stream", settings)
            .Add("alone_per_s", alone.PerSecond, "one task alone, images per second")
            .Add("grouped_per_s", grouped.PerSecond, "four tasks, grouped as the service does: a warm switch every second image")
            .Add("alternating_warm_per_s", alternating.PerSecond, "four tasks, another each image, all in the cache")
            .Add("alternating_cold_per_s", alternatingCold.PerSecond, "four tasks, another each image, merged each time")
            .Add("sessions_per_s", session.PerSecond, "one ONNX Runtime session a task, another each image")
            .Add("inputs_per_s", inputs.PerSecond, "one session with A and B as inputs, another task each image")
            .Add("files_per_s", files.PerSecond, $"one task, from {PictureSide}² PNG files on disk to logits, the next picture prepared while one runs")
            .Add("files_in_turn_per_s", filesInTurn.PerSecond, "the same, nothing overlapped")
            .Add("prepare_ms", prepare.Median, "reading, decoding and preparing such a file, on one thread, nothing beside it")
            .Add("grouped_over_alone", alone.Samples.Over(grouped.Samples), "throughputs; aim: at least 0.97")
            .Add("alternating_warm_over_alone", alone.Samples.Over(alternating.Samples), "throughputs; aim: at least 0.97")
            .Add("alternating_cold_over_alone", alone.Samples.Over(alternatingCold.Samples), "throughputs, at the worst")
            .Add("alternating_warm_over_sessions", session.Samples.Over(alternating.Samples), "throughputs")
            .Add("alternating_warm_over_inputs", inputs.Samples.Over(alternating.Samples), "throughputs")
            .Add("files_over_alone", alone.Samples.Over(files.Samples), "throughputs: files to logits against prepared pixels to logits")
            .Add("files_over_alone_bound", bound, "what it would be if preparing took the cores nothing but its own processor time")
            .Add("alone_spread", alone.Samples.Spread, "half the distance between the quartiles over the median");
        if (ours is not null && theirs is not null)
        {
            report.Add("reload_per_s", reload.PerSecond, "a session created for each image")
                .Add("reload_grouped_per_s", reloadGrouped.PerSecond, "a session created for each group")
                .Add("alternating_cold_over_reload", reload.Samples.Over(alternatingCold.Samples), "throughputs")
                .Add("grouped_over_reload_grouped", reloadGrouped.Samples.Over(grouped.Samples), "throughputs")
                .Add("memory_mb", ours.ResidentMegabytes, "resident, ours with four tasks, in a process of its own")
                .Add("sessions_memory_mb", theirs.ResidentMegabytes, "resident, the sessions held, likewise")
                .Add("sessions_held", theirs.Tasks, "of four; fewer where memory would not do");
        }
        if (serviceTimes is not null)
        {
            report.Add("service_per_s", 1000 / serviceTimes.Median, $"the service, from its inbox to its outbox, the same task and kind of files; median of {ServiceRounds} runs")
                .Add("service_over_alone", alone.Samples.Median / serviceTimes.Median, "throughputs");
        }
        report.Print();
        return 0;

        async Task Ours(EdgeEngine engine, InstalledTask[] tasks, int[] order)
        {
            for (int i = 0; i < order.Length; i++)
            {
                Prediction prediction = await engine.PredictAsync(tasks[order[i]], image, cancellation);
                SwitchKind kind = engine == coldEngine ? SwitchKind.Cold : SwitchKind.Warm;
                if (i > 0 && order[i] != order[i - 1] && !first && prediction.Timing.Switch.Kind != kind)
                    throw new InvalidOperationException($"Found a {prediction.Timing.Switch.Kind} switch where a {kind} one was to be measured.");
                if (!Logits(prediction).AsSpan().SequenceEqual(expected[order[i]]))
                    throw new InvalidOperationException($"Task {order[i]} gives other logits among others than alone: {string.Join(", ", Logits(prediction))}, not {string.Join(", ", expected[order[i]])}.");
            }
        }

        Task Plain(int[] order, Func<int, PlainSession> of)
        {
            foreach (int task in order) of(task).Run(pixels, model.PixelShape);
            return Task.CompletedTask;
        }

        Task Reload(int[] order)
        {
            PlainSession? current = null;
            for (int i = 0; i < order.Length; i++)
            {
                if (i == 0 || order[i] != order[i - 1])
                {
                    current?.Dispose();
                    current = new PlainSession(model.MergedModel, model.Adapter, settings.Threads);
                }
                current!.Run(pixels, model.PixelShape);
            }
            current?.Dispose();
            return Task.CompletedTask;
        }
    }

    private static float[] Logits(Prediction prediction) => [.. prediction.Scores.Select(s => s.Logit)];

    private static void Check(Prediction prediction, float[] merged, float[] unmerged, BenchmarkOptions.Settings settings)
    {
        for (int i = 0; i < merged.Length; i++)
        {
            double tolerance = 1e-3 * Math.Max(1, Math.Abs(merged[i]));
            double ours = settings.Precision == Precision.Fp32 ? prediction.Scores[i].Logit : merged[i];
            if (Math.Abs(ours - merged[i]) > tolerance || Math.Abs(unmerged[i] - merged[i]) > tolerance)
                throw new InvalidOperationException($"The sides disagree: {ours}, {merged[i]} and {unmerged[i]}.");
        }
    }

    /// <summary>One side: what a round of it does, and the milliseconds an image took.</summary>
    private sealed record Side(Func<Task> Run)
    {
        public Samples Samples { get; } = new();

        public double PerSecond => 1000 / Samples.Median;
    }
}
