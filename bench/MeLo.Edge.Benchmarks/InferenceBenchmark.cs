using System.CommandLine;
using System.Diagnostics;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// One image through the resident graphs, fp32 and int8, whose query and value weights are inputs, against what a user has without this
/// project: plain ONNX Runtime with the merged model, as exported and as its own tool quantises it.
/// </summary>
internal static class InferenceBenchmark
{
    // With the runtime's defaults a session's threads spin for some 35 ms after a run (decision 9); until they sleep they take the cores from the other side.
    private static readonly TimeSpan s_calm = TimeSpan.FromMilliseconds(100);

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 40);
        Command command = new("inference", "One image through the resident graphs, fp32 and int8, against the same model in plain ONNX Runtime.");
        options.AddTo(command);
        options.AddProviderTo(command);
        command.SetAction((result, cancellation) =>
        {
            BenchmarkOptions.Settings settings = options.Read(result);
            return settings.IsDevice ? DeviceInference.RunAsync(settings, cancellation) : RunAsync(settings, cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(BenchmarkOptions.Settings settings, CancellationToken cancellation)
    {
        using BenchmarkModel model = new(settings.Model);
        using EdgeEngine fp32 = model.LoadWithCache(settings.Threads, null, Precision.Fp32), int8 = model.LoadWithCache(settings.Threads, null, Precision.Int8);
        InstalledTask fp32Task = model.Install(fp32, 1)[0], int8Task = model.Install(int8, 1)[0];
        using PlainSession constant = new(model.MergedModel, model.Adapter, settings.Threads);
        using PlainSession dynamic = new(model.WriteDynamicallyQuantizedModel(), model.Adapter, settings.Threads);
        float[] pixels = model.Pixels(1);
        PreparedImage image = PreparedImage.FromPixels(pixels, fp32Task.Description.Input);

        Samples fp32Times = new(), int8Times = new(), constantTimes = new(), dynamicTimes = new();
        Func<Task<(double Milliseconds, float[] Logits)>>[] sides =
        [
            () => Ours(fp32, fp32Task), () => Plain(constant), () => Ours(int8, int8Task), () => Plain(dynamic),
        ];
        Samples[] samples = [fp32Times, constantTimes, int8Times, dynamicTimes];
        double peak = 0;
        double? bytePeak = null;
        for (int round = -3; round < settings.Rounds; round++)
        {
            Progress.Show($"round {Math.Max(0, round + 1)} of {settings.Rounds}");
            float[][] logits = new float[sides.Length][];
            // Who goes first changes from round to round: the next finds the caches as the one before left them.
            for (int i = 0; i < sides.Length; i++)
            {
                int side = (i + round + 4) % sides.Length;
                await Task.Delay(s_calm, cancellation);
                (double milliseconds, logits[side]) = await sides[side]();
                if (round >= 0) samples[side].Add(milliseconds);
            }
            Compare(logits[0], logits[1]);
            await Task.Delay(s_calm, cancellation);
            peak = Math.Max(peak, PeakArithmetic.FlopsPerSecond(settings.Threads));
            if (PeakByteArithmetic.OperationsPerSecond(settings.Threads) is { } found) bytePeak = Math.Max(bytePeak ?? 0, found);
        }
        Progress.Clear();

        double floor = PeakArithmetic.Flops(model.Vit) / peak * 1000;
        Report report = new Report("inference", settings)
            .Add("fp32_ms", fp32Times.Median, "the resident fp32 graph with a task's weights")
            .Add("fp32_p99_ms", fp32Times.P99, "its 99th percentile")
            .Add("int8_ms", int8Times.Median, "the resident int8 graph with a task's weights")
            .Add("int8_p99_ms", int8Times.P99, "its 99th percentile")
            .Add("ort_fp32_constant_ms", constantTimes.Median, "plain ONNX Runtime, the merged model with constant weights")
            .Add("ort_int8_dynamic_ms", dynamicTimes.Median, "plain ONNX Runtime, that model dynamically quantised")
            .Add("fp32_over_ort_fp32_constant", fp32Times.Over(constantTimes), "aim: at most 1.02")
            .Add("ort_fp32_constant_over_int8", constantTimes.Over(int8Times), "aim: at least 2.5")
            .Add("ort_int8_dynamic_over_int8", dynamicTimes.Over(int8Times), "aim: at least 1.15")
            .Add("fp32_floor_ms", floor, "the fp32 graph's matrix products at the fp32 peak")
            .Add("fp32_over_floor", fp32Times.Median / floor, "distance to the limit")
            .Add("peak_gflops", peak / 1e9, "fused multiply-adds in registers, all threads, the best round");
        if (bytePeak is { } bytes)
        {
            double int8Floor = ((PeakArithmetic.LinearFlops(model.Vit) / bytes) + (PeakArithmetic.OtherFlops(model.Vit) / peak)) * 1000;
            report.Add("floor_ms", int8Floor, "the int8 graph's linears at the byte peak, its other products at the fp32 peak")
                .Add("int8_over_floor", int8Times.Median / int8Floor, "aim: at most 1.4")
                .Add("peak_byte_gops", bytes / 1e9, "byte dot products in registers, all threads, the best round");
        }
        report.Add("fp32_spread", fp32Times.Spread, "half the distance between the quartiles over the median")
            .Add("int8_spread", int8Times.Spread, "likewise")
            .Print();
        return 0;

        async Task<(double, float[])> Ours(EdgeEngine engine, InstalledTask task)
        {
            Prediction prediction = await engine.PredictAsync(task, image, cancellation);
            return (prediction.Timing.InferenceMilliseconds, [.. prediction.Scores.Select(s => s.Logit)]);
        }

        Task<(double, float[])> Plain(PlainSession session)
        {
            long start = Stopwatch.GetTimestamp();
            float[] logits = session.Run(pixels, model.PixelShape);
            return Task.FromResult((Stopwatch.GetElapsedTime(start).TotalMilliseconds, logits));
        }
    }

    private static void Compare(float[] ours, float[] plain)
    {
        for (int i = 0; i < plain.Length; i++)
        {
            if (Math.Abs(ours[i] - plain[i]) > 1e-3 * Math.Max(1, Math.Abs(plain[i])))
                throw new InvalidOperationException($"The two fp32 sides disagree: {ours[i]} and {plain[i]}.");
        }
    }
}
