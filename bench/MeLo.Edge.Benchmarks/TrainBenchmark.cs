using System.CommandLine;
using System.Globalization;
using MeLo.Edge.Models;
using MeLo.Edge.Training;

namespace MeLo.Edge.Benchmarks;

/// <summary>Steps of training, of low-rank matrices and of the whole base, against the machine's peak of matrix products; and their memory.</summary>
internal static class TrainBenchmark
{
    // What the project promises: a step of ViT-B/16 with four pictures in less.
    private const string PromisedModel = "vit_base_patch16_224";
    private const int PromisedImages = 4;
    private const long PromisedBytes = 8_000_000_000;

    private static readonly TrainingMode[] s_modes = [TrainingMode.Lora, TrainingMode.Full];

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 10);
        Option<int[]> batches = new("--batches") { Description = "Pictures in a step.", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [1, 4, 16] };
        Command command = new("train", "Steps of training against the machine's peak of matrix products, and their memory.");
        options.AddTo(command);
        command.Options.Add(batches);
        command.SetAction((result, cancellation) => RunAsync(options.Read(result), result.GetValue(batches)!, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(BenchmarkOptions.Settings settings, int[] batches, CancellationToken cancellation)
    {
        using BaseFolder model = new(settings.Model);
        Dictionary<TrainingMode, Dictionary<string, double>> memory = [];
        foreach (TrainingMode mode in s_modes)
        {
            memory[mode] = [];
            foreach (int batch in batches)
                memory[mode][Key(batch)] = await TrainProbe.MeasureAsync(model.Path, mode, batch, settings.Threads, cancellation) / 1e6;
        }
        Dictionary<string, double> promised = await PromisedAsync(model, settings, cancellation);
        Report report = new("train", settings);
        AddRates(report, model.Path, settings, batches);
        foreach (TrainingMode mode in s_modes) report.Add($"{Name(mode)}_peak_mb", memory[mode], "the most memory in RAM, in a process of its own");
        report.Add("vit_base_step_mb", promised, $"the same of {PromisedModel}, {PromisedImages} pictures; below {PromisedBytes / 1e6} or this fails");
        report.Print();
        return 0;
    }

    private static void AddRates(Report report, string baseFolder, BenchmarkOptions.Settings settings, int[] batches)
    {
        using PeakProducts products = new(settings.Threads);
        using TrainingStep lora = new(baseFolder, TrainingMode.Lora, settings.Threads), full = new(baseFolder, TrainingMode.Full, settings.Threads);
        Side[] sides = [.. s_modes.SelectMany(mode => batches.Select(batch => new Side(mode, mode == TrainingMode.Lora ? lora : full, batch)))];
        double peak = 0, productPeak = 0;
        for (int round = -3; round < settings.Rounds; round++)
        {
            Progress.Show($"round {Math.Max(0, round + 1)} of {settings.Rounds}");
            foreach (Side side in sides)
            {
                Samples now = new();
                // Before and behind the step: whatever slows the machine down meanwhile slows both.
                double rate = products.FlopsPerSecond();
                now.Time(() => side.Step.Run(side.Batch));
                double after = products.FlopsPerSecond();
                productPeak = Math.Max(productPeak, Math.Max(rate, after));
                if (round < 0) continue;
                side.Times.Add(now.Median);
                side.Shares.Add(side.Step.Flops(side.Batch) / now.Median * 1000 / Math.Max(rate, after));
                if (side.Lanes == 1) continue;
                Samples together = new();
                together.Time(() => side.Step.Run(side.Batch, inOneRun: true));
                side.OverOneRun.Add(together.Median / now.Median);
            }
            peak = Math.Max(peak, PeakArithmetic.FlopsPerSecond(settings.Threads));
        }
        Progress.Clear();

        foreach (TrainingMode mode in s_modes)
        {
            TrainingStep step = mode == TrainingMode.Lora ? lora : full;
            report.Add($"{Name(mode)}_parameters", step.ParameterCount, "what learns")
                .Add($"{Name(mode)}_gflop", step.Flops(1) / 1e9, "an image's matrix products, forward and back")
                .Add($"{Name(mode)}_per_s", Series(mode, s => s.Batch / s.Times.Median * 1000), "images per second, by images in a step")
                .Add($"{Name(mode)}_gflops", Series(mode, s => s.Step.Flops(s.Batch) / s.Times.Median / 1e6), "their multiplications and additions per second")
                .Add($"{Name(mode)}_over_product_peak", Series(mode, s => s.Shares.Median), "against a large product before and behind each step; aim: at least 0.4")
                .Add(
                    $"{Name(mode)}_over_one_run", sides.Where(s => s.Mode == mode && s.Lanes > 1).ToDictionary(s => Key(s.Batch), s => s.OverOneRun.Median),
                    "images per second over those of one run whose operators the threads share, where there are several runs")
                .Add($"{Name(mode)}_spread", Series(mode, s => s.Times.Spread), "half the distance between the quartiles over the median");
        }
        report.Add("product_peak_gflops", productPeak / 1e9, "a large product in the runtime, the best round")
            .Add("peak_gflops", peak / 1e9, "fused multiply-adds in registers, all threads, the best round");

        Dictionary<string, double> Series(TrainingMode mode, Func<Side, double> value) =>
            sides.Where(s => s.Mode == mode).ToDictionary(s => Key(s.Batch), value);
    }

    private static async Task<Dictionary<string, double>> PromisedAsync(BaseFolder model, BenchmarkOptions.Settings settings, CancellationToken cancellation)
    {
        using BaseFolder? other = settings.Model.Name == PromisedModel ? null : new BaseFolder(VitArchitecture.Named(PromisedModel));
        Dictionary<string, double> found = [];
        foreach (TrainingMode mode in s_modes)
        {
            long bytes = await TrainProbe.MeasureAsync((other ?? model).Path, mode, PromisedImages, settings.Threads, cancellation);
            if (bytes >= PromisedBytes) throw new InvalidOperationException($"A step of {PromisedModel} with {PromisedImages} pictures ({mode}) took {bytes} bytes, expected less than {PromisedBytes}.");
            found.Add(Name(mode), bytes / 1e6);
        }
        return found;
    }

    private static string Name(TrainingMode mode) => mode == TrainingMode.Lora ? "lora" : "full";

    private static string Key(int batch) => batch.ToString(CultureInfo.InvariantCulture);

    /// <summary>Steps of one mode and size, and what was measured.</summary>
    private sealed record Side(TrainingMode Mode, TrainingStep Step, int Batch)
    {
        public int Lanes => Step.Lanes(Batch);

        /// <summary>Milliseconds a step.</summary>
        public Samples Times { get; } = new();

        /// <summary>Of the peak of products.</summary>
        public Samples Shares { get; } = new();

        /// <summary>One run's time over that of several.</summary>
        public Samples OverOneRun { get; } = new();
    }

    /// <summary>A generated base in a temporary folder.</summary>
    private sealed class BaseFolder : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("melo-edge-bench-").FullName;

        public BaseFolder(VitArchitecture vit) => BenchmarkModel.Generate(_folder, vit, [Precision.Fp32]);

        public string Path => System.IO.Path.Combine(_folder, "base");

        public void Dispose() => Directory.Delete(_folder, recursive: true);
    }
}
