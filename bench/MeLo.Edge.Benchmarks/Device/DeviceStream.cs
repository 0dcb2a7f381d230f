using System.Diagnostics;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Onnx;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// The benchmark 'stream' on a device: images of random tasks, one at a time and as batches, against one task alone and against what a user would do without
/// this project.
/// </summary>
internal static class DeviceStream
{
    private const int Tasks = 4;

    // In a round: as many as a batch of four tasks makes worth while, or few where an image takes a software driver long.
    private const int ManyImages = 32, FewImages = 8;

    private static readonly TimeSpan s_slow = TimeSpan.FromMilliseconds(25);

    public static async Task<int> RunAsync(BenchmarkOptions.Settings settings, CancellationToken cancellation)
    {
        using BenchmarkDevice device = new(settings.Provider);
        using BenchmarkModel model = BenchmarkModel.ForDevice(settings);
        using BasePackage package = BasePackage.OpenUnchecked(model.BaseFolder); // the engines check it
        using EdgeEngine merged = model.Load(settings, device, Tasks, BatchPolicy.Merged), mixed = model.Load(settings, device, Tasks, BatchPolicy.Mixed),
            measured = model.Load(settings, device, Tasks, BatchPolicy.Measured), cold = model.Load(settings, device, cachedTasks: 1);
        Dictionary<EdgeEngine, InstalledTask[]> tasks = [];
        foreach (EdgeEngine engine in new[] { merged, mixed, measured, cold }) tasks.Add(engine, model.Install(engine, Tasks));
        PlainSession[] sessions = [.. Enumerable.Range(0, Tasks).Select(task =>
            new PlainSession(device.Session(model.ConstantGraph(package, settings.Precision, model.AdapterOf(task)), model.BaseFolder)))];
        using PlainSession unmerged = new(device.Session(model.UnmergedGraph(package), model.BaseFolder), model.Adapter, device);
        float[] pixels = model.Pixels(1);
        PreparedImage image = PreparedImage.FromPixels(pixels, tasks[merged][0].Description.Input.Preprocess);
        float[][] expected = [.. sessions.Select(session => session.Run(pixels, model.PixelShape))];
        Compare(unmerged.Run(pixels, model.PixelShape), expected[0], settings.Precision);

        long warm = Stopwatch.GetTimestamp();
        await merged.PredictAsync(tasks[merged][0], image, cancellation);
        int images = Stopwatch.GetElapsedTime(warm) < s_slow ? ManyImages : FewImages;

        Side alone = new(_ => InTurnAsync(merged, new int[images])), random = new(order => InTurnAsync(merged, order)), randomCold = new(order => InTurnAsync(cold, order)),
            batchAlone = new(_ => BatchAsync(merged, new int[images])), batchMerged = new(order => BatchAsync(merged, order)), batchMixed = new(order => BatchAsync(mixed, order)),
            batchMeasured = new(order => BatchAsync(measured, order)), separate = new(order => Plain(order, task => sessions[task])), inputs = new(order => Plain(order, _ => unmerged));
        Side[] sides = [alone, random, randomCold, batchAlone, batchMerged, batchMixed, batchMeasured, separate, inputs];
        Random tasksOfARound = new(1);
        RoundBudget budget = new(settings);
        // The rounds before count fill the caches, compile, and let the engine learn what runs cost.
        for (int round = -2; round < 0 || budget.Next(); round++)
        {
            int[] order = [.. Enumerable.Range(0, images).Select(_ => tasksOfARound.Next(Tasks))];
            for (int i = 0; i < sides.Length; i++)
            {
                Side side = sides[(i + round + 2) % sides.Length];
                long start = Stopwatch.GetTimestamp();
                await side.Run(order);
                if (round >= 0) side.Samples.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / images);
            }
        }
        foreach (PlainSession session in sessions) session.Dispose();
        Progress.Clear();
        new Report("stream", settings with { Rounds = budget.Rounds })
            .Add("tasks", Tasks, "installed, of which each image has a random one")
            .Add("images", images, "in a round, and in a batch")
            .Add("alone_per_s", alone.PerSecond, "one task, one image after the other, images per second")
            .Add("random_warm_per_s", random.PerSecond, "random tasks, one after the other, all in the cache")
            .Add("random_cold_per_s", randomCold.PerSecond, "the same, the cache holding one")
            .Add("batch_alone_per_s", batchAlone.PerSecond, "one task, all images as one batch")
            .Add("batch_merged_per_s", batchMerged.PerSecond, "random tasks as one batch: a run a task")
            .Add("batch_mixed_per_s", batchMixed.PerSecond, "random tasks as one batch: one mixed run")
            .Add("batch_measured_per_s", batchMeasured.PerSecond, "random tasks as one batch, as the engine chooses")
            .Add("sessions_per_s", separate.PerSecond, "random tasks, one after the other, one ONNX Runtime session a task")
            .Add("inputs_per_s", inputs.PerSecond, "one session with A and B as inputs, which lie on the device already")
            .Add("random_warm_over_alone", alone.Samples.Over(random.Samples), "throughputs")
            .Add("random_cold_over_alone", alone.Samples.Over(randomCold.Samples), "throughputs")
            .Add("batch_measured_over_batch_alone", batchAlone.Samples.Over(batchMeasured.Samples), "throughputs")
            .Add("batch_measured_over_batch_merged", batchMerged.Samples.Over(batchMeasured.Samples), "throughputs")
            .Add("batch_measured_over_batch_mixed", batchMixed.Samples.Over(batchMeasured.Samples), "throughputs")
            .Add("random_warm_over_sessions", separate.Samples.Over(random.Samples), "throughputs")
            .Add("random_warm_over_inputs", inputs.Samples.Over(random.Samples), "throughputs")
            .Add("alone_spread", alone.Samples.Spread, "half the distance between the quartiles over the median")
            .Print();
        return 0;

        async Task InTurnAsync(EdgeEngine engine, int[] order)
        {
            foreach (int task in order) Check(await engine.PredictAsync(tasks[engine][task], image, cancellation), task);
        }

        async Task BatchAsync(EdgeEngine engine, int[] order)
        {
            Prediction[] predictions = await Task.WhenAll(engine.PredictAsync([.. order.Select(task => new PredictionRequest(tasks[engine][task], image))], cancellation));
            for (int i = 0; i < order.Length; i++) Check(predictions[i], order[i]);
        }

        Task Plain(int[] order, Func<int, PlainSession> of)
        {
            foreach (int task in order) of(task).Run(pixels, model.PixelShape);
            return Task.CompletedTask;
        }

        void Check(Prediction prediction, int task) => Compare([.. prediction.Scores.Select(s => s.Logit)], expected[task], settings.Precision);
    }

    private static void Compare(float[] found, float[] expected, Precision precision)
    {
        float tolerance = precision == Precision.Fp32 ? 1e-3f : 3e-2f;
        for (int i = 0; i < expected.Length; i++)
            if (!(Math.Abs(found[i] - expected[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i]))))
                throw new InvalidOperationException($"The sides disagree: {string.Join(", ", found)}, expected {string.Join(", ", expected)}.");
    }

    /// <summary>One side: what a round of it does with images of such tasks, and the milliseconds an image took.</summary>
    private sealed record Side(Func<int[], Task> Run)
    {
        public Samples Samples { get; } = new();

        public double PerSecond => 1000 / Samples.Median;
    }
}
