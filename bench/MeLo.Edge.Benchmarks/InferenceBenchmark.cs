using System.CommandLine;
using MeLo.Edge.Engine;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// What adaptable weights cost a run: the resident graph, whose query and value weights are inputs, against the same graph
/// with constants in plain ONNX Runtime.
/// </summary>
internal static class InferenceBenchmark
{
    // A session's threads spin for a while after a run; until they sleep they would take the cores from the other side.
    private static readonly TimeSpan s_calm = TimeSpan.FromMilliseconds(30);

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 60);
        Command command = new("inference", "One image through the resident graph against the same graph with constant weights.");
        options.AddTo(command);
        command.SetAction((result, cancellation) => RunAsync(options.Read(result), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(BenchmarkOptions.Settings settings, CancellationToken cancellation)
    {
        using BenchmarkModel model = new(settings.Model);
        using EdgeEngine engine = model.Load(settings.Threads, cachedTasks: 1);
        InstalledTask task = model.Install(engine, 1)[0];
        using OrtSession constant = BenchmarkModel.LoadModel(model.MergedModel, settings.Threads);
        float[] pixels = model.Pixels(1);
        PreparedImage image = PreparedImage.FromPixels(pixels, task.Description.Input.Preprocess);
        using OrtValue input = OrtValue.FromArray(pixels, model.PixelShape);
        using OrtValue headWeight = OrtValue.FromArray(ResidentModel.Transposed(model.Adapter.Head), [model.Vit.Dim, 2]);
        using OrtValue headBias = OrtValue.FromArray(model.Adapter.Head.Bias, [2]);

        Samples merged = new(), constants = new();
        double peak = 0;
        for (int round = -3; round < settings.Rounds; round++)
        {
            Progress.Show($"round {Math.Max(0, round + 1)} of {settings.Rounds}");
            // Who goes first changes from round to round: the second finds the caches as the first left them.
            float[] plain = [];
            await Task.Delay(s_calm, cancellation);
            if (round % 2 == 0) plain = RunConstant(round < 0 ? new Samples() : constants);
            await Task.Delay(s_calm, cancellation);
            Prediction prediction = await engine.PredictAsync(task, image, cancellation);
            await Task.Delay(s_calm, cancellation);
            if (round % 2 != 0) plain = RunConstant(round < 0 ? new Samples() : constants);
            Compare(prediction, plain);
            peak = Math.Max(peak, PeakArithmetic.FlopsPerSecond(settings.Threads));
            if (round >= 0) merged.Add(prediction.Timing.InferenceMilliseconds);
        }
        Progress.Clear();

        double floor = PeakArithmetic.Flops(model.Vit) / peak * 1000;
        new Report("inference", settings)
            .Add("merged_ms", merged.Median, "the resident graph with a task's weights")
            .Add("merged_p99_ms", merged.P99, "its 99th percentile")
            .Add("constant_weights_ms", constants.Median, "the same graph with constants in plain ONNX Runtime")
            .Add("merged_over_constant", merged.Over(constants), "aim: at most 1.02")
            .Add("floor_ms", floor, "its matrix products at the peak below")
            .Add("merged_over_floor", merged.Median / floor, "distance to the limit")
            .Add("peak_gflops", peak / 1e9, "fused multiply-adds in registers, all threads, the best round")
            .Add("merged_spread", merged.Spread, "half the distance between the quartiles over the median")
            .Print();
        return 0;

        float[] RunConstant(Samples sink)
        {
            float[] logits = [];
            sink.Time(() =>
            {
                using OrtValue output = constant.Run(["pixel_values", "head.weight", "head.bias"], [input, headWeight, headBias], ["logits"])[0];
                logits = output.AsSpan<float>().ToArray();
            });
            return logits;
        }
    }

    private static void Compare(Prediction prediction, float[] logits)
    {
        for (int i = 0; i < logits.Length; i++)
        {
            if (Math.Abs(prediction.Scores[i].Logit - logits[i]) > 1e-3 * Math.Max(1, Math.Abs(logits[i])))
                throw new InvalidOperationException($"The two sides disagree: {prediction.Scores[i].Logit} and {logits[i]}.");
        }
    }
}
