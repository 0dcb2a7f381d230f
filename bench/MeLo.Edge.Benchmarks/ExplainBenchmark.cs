using System.CommandLine;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Reports;

namespace MeLo.Edge.Benchmarks;

/// <summary>A heat map against an ordinary run of the same image, the memory that it takes, and what ordinary runs notice of it.</summary>
internal static class ExplainBenchmark
{
    private const int Side = HeatMapPicture.MostPixels, WarmUp = 3;

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 30);
        Command command = new("explain", "A heat map against an ordinary run, and its memory.");
        options.AddTo(command);
        options.AddPrecisionTo(command);
        command.SetAction((result, cancellation) => RunAsync(options.Read(result), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(BenchmarkOptions.Settings settings, CancellationToken cancellation)
    {
        using BenchmarkModel model = new(settings.Model, settings.Precision);
        using EdgeEngine engine = model.Load(settings.Threads, cachedTasks: 2);
        InstalledTask task = model.Install(engine, 1)[0];
        byte[] samples = new byte[Side * Side];
        new Random(1).NextBytes(samples);
        PixelBuffer picture = PixelBuffer.FromBytes(Side, Side, 1, samples);
        PreparedImage image = engine.Prepare(task, PngEncoder.Write(picture));
        Samples before = new(), run = new(), explain = new(), draw = new(), png = new(), first = new();
        for (int round = -WarmUp; round < settings.Rounds; round++) await TimeAsync(round < 0 ? new Samples() : before, () => engine.PredictAsync(task, image, cancellation));
        double without = Resident();
        await TimeAsync(first, () => engine.ExplainAsync(task, image, cancellation));
        for (int round = -WarmUp; round < settings.Rounds; round++)
        {
            Progress.Show($"round {Math.Max(0, round + 1)} of {settings.Rounds}");
            HeatMap? map = null;
            PixelBuffer? drawn = null;
            await TimeAsync(Of(run), () => engine.PredictAsync(task, image, cancellation));
            await TimeAsync(Of(explain), async () => map = await engine.ExplainAsync(task, image, cancellation));
            Of(draw).Time(() => drawn = HeatMapPicture.Draw(map!, picture));
            Of(png).Time(() => PngEncoder.Write(drawn!));

            Samples Of(Samples of) => round < 0 ? new Samples() : of;
        }
        double with = Resident();
        Progress.Clear();
        new Report("explain", settings)
            .Add("run_ms", run.Median, "an ordinary run, with the heat maps' graph in memory beside it")
            .Add("run_over_run_before", run.Median / before.Median, "against one before there was one: nothing")
            .Add("explain_ms", explain.Median, "a heat map: merge and run")
            .Add("explain_over_run", explain.Over(run), "a heat map against an ordinary run")
            .Add("explain_spread", explain.Spread, "of it")
            .Add("first_explain_ms", first.Median, "the first one, which loads the graph")
            .Add("draw_ms", draw.Median, $"drawing it over a picture of {Side} x {Side}")
            .Add("png_ms", png.Median, "writing that as PNG, of noise, the worst case")
            .Add("resident_mb", new Dictionary<string, double> { ["without"] = without, ["with"] = with }, "resident memory without and with the heat maps' graph")
            .Print();
        return 0;
    }

    private static async Task TimeAsync(Samples samples, Func<Task> action)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        await action();
        samples.Add(System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    private static double Resident()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return MemoryUse.Now(1).ResidentMegabytes;
    }
}
