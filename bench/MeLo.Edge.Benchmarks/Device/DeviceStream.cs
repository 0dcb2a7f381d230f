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

    private static readonly (string Side, string Other)[] s_ratios =
    [
        ("random_warm", "alone"), ("random_cold", "alone"), ("batch_measured", "batch_alone"), ("batch_measured", "batch_merged"), ("batch_measured", "batch_mixed"),
        ("random_warm", "sessions"), ("random_warm", "inputs"), ("batch_measured", "sessions"),
    ];

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
        using PlainSession unmerged = new(device.Session(model.UnmergedGraph(package, settings.Precision), model.BaseFolder), model.Adapter, device);
        float[] pixels = model.Pixels(1);
        PreparedImage image = PreparedImage.FromPixels(pixels, tasks[merged][0].Description.Input);
        float[][] expected = [.. sessions.Select(session => session.Run(pixels, model.PixelShape))];
        Compare(unmerged.Run(pixels, model.PixelShape), expected[0], settings.Precision);

        long warm = Stopwatch.GetTimestamp();
        await merged.PredictAsync(tasks[merged][0], image, cancellation);
        int images = Stopwatch.GetElapsedTime(warm) < s_slow ? ManyImages : FewImages;

        List<Side> sides =
        [
            new("alone", "one task, one image after the other, images per second", _ => InTurnAsync(merged, new int[images])),
            new("random_warm", "random tasks, one after the other, all in the cache", order => InTurnAsync(merged, order)),
            new("random_cold", "the same, the cache holding one", order => InTurnAsync(cold, order)),
            new("batch_alone", "one task, all images as one batch", _ => BatchAsync(merged, new int[images])),
            new("batch_merged", "random tasks as one batch: a run a task", order => BatchAsync(merged, order)),
            new("batch_mixed", "random tasks as one batch: one mixed run", order => BatchAsync(mixed, order)),
            new("batch_measured", "random tasks as one batch, as the engine chooses", order => BatchAsync(measured, order)),
            new("sessions", "random tasks, one after the other, one ONNX Runtime session a task", order => Plain(order, task => sessions[task])),
            new("inputs", "one session with A and B as inputs, which lie on the device already", order => Plain(order, _ => unmerged)),
        ];
        List<string> leftOut = [];
        Random randomTasks = new(1);
        RoundBudget budget = new(settings);
        // The rounds before count fill the caches, compile, and let the engine learn what runs cost.
        for (int round = -2; round < 0 || budget.Next(); round++)
        {
            int[] order = [.. Enumerable.Range(0, images).Select(_ => randomTasks.Next(Tasks))];
            foreach (Side side in sides.Concat(sides).Skip((round + 2) % sides.Count).Take(sides.Count).ToArray()) // another goes first each round
            {
                try
                {
                    long start = Stopwatch.GetTimestamp();
                    await side.Run(order);
                    if (round >= 0) side.Samples.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / images);
                }
                catch (MeLoException e)
                {
                    // The device has no memory for it, say: the others go on.
                    leftOut.Add($"{side.Name}: {e.Message}");
                    sides.Remove(side);
                }
            }
        }
        foreach (PlainSession session in sessions) session.Dispose();
        Progress.Clear();
        Report report = new("stream", settings with { Rounds = budget.Rounds }, device.Provider.Device);
        report.Add("tasks", Tasks, "installed, of which each image has a random one").Add("images", images, "in a round, and in a batch");
        foreach (Side side in sides) report.Add($"{side.Name}_per_s", 1000 / side.Samples.Median, side.Meaning);
        foreach ((string name, string other) in s_ratios)
        {
            // Of throughputs: above 1 the first named is faster.
            if (sides.Find(s => s.Name == name) is { } mine && sides.Find(s => s.Name == other) is { } theirs)
                report.Add($"{name}_over_{other}", theirs.Samples.Over(mine.Samples), "throughputs");
        }
        if (sides.Find(s => s.Name == "alone") is { } alone) report.Add("alone_spread", alone.Samples.Spread, "half the distance between the quartiles over the median");
        report.LeaveOut(leftOut).Print();
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
    private sealed record Side(string Name, string Meaning, Func<int[], Task> Run)
    {
        public Samples Samples { get; } = new();
    }
}
