using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>One start: what a program does from its first line until it has an answer for a picture, in a process of its own.</summary>
internal static class StartProbe
{
    public const string Command = "start-probe";

    /// <param name="arguments">The side, the folder of <see cref="StartFiles"/>, the architecture and the threads.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        StartTimes times = new(Stopwatch.GetTimestamp());
        StartSide side = Enum.Parse<StartSide>(arguments[0]);
        StartFiles files = new(arguments[1]);
        int threads = int.Parse(arguments[3], CultureInfo.InvariantCulture);
        if (side is StartSide.Int8 or StartSide.Fp32) await OursAsync(times, side, files, threads);
        else Plain(times, side, files, VitArchitecture.Named(arguments[2]), threads);
        Console.WriteLine(JsonSerializer.Serialize(times));
        return 0;
    }

    /// <summary>Starts a process and reads what it measured, with the runtime's own start and the total added.</summary>
    public static async Task<IReadOnlyDictionary<string, double>> MeasureAsync(
        StartSide side, StartFiles files, BenchmarkOptions.Settings settings, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        string found = await OwnProcess.RunAsync(
            [Command, side.ToString(), files.Folder, settings.Model.Name, settings.Threads.ToString(CultureInfo.InvariantCulture)], cancellation);
        StartTimes times = JsonSerializer.Deserialize<StartTimes>(found)!;
        // The clock is the machine's: its counts can be compared between processes.
        times.Stages.Add("runtime", Stopwatch.GetElapsedTime(start, times.Begun).TotalMilliseconds);
        times.Stages.Add("total", Stopwatch.GetElapsedTime(start, times.Answered).TotalMilliseconds);
        return times.Stages;
    }

    private static async Task OursAsync(StartTimes times, StartSide side, StartFiles files, int threads)
    {
        EdgeEngineOptions options = new() { Threads = threads, Precision = side == StartSide.Int8 ? Precision.Int8 : Precision.Fp32 };
        using EdgeEngine engine = times.Time("load", () => EdgeEngine.Load(files.Base, options));
        InstalledTask task = times.Time("install", () => engine.Install(Bundle.Open(files.Bundle, TrustStore.FromDirectory(files.Trust))));
        PreparedImage image = times.Time("prepare", () => engine.Prepare(task, File.ReadAllBytes(files.Picture)));
        Prediction first = await times.TimeAsync("first", () => engine.PredictAsync(task, image));
        times.Answer();
        await times.TimeAsync("second", () => engine.PredictAsync(task, image));
        if (!double.IsFinite(first.Probability)) throw new InvalidOperationException("Found no number, expected a probability.");
        LoadTiming loading = engine.Loading;
        times.Stages.Add("load_open", loading.OpenMilliseconds);
        times.Stages.Add("load_check", loading.CheckMilliseconds);
        times.Stages.Add("load_pristine", loading.PristineMilliseconds);
        times.Stages.Add("load_session", loading.SessionMilliseconds);
    }

    private static void Plain(StartTimes times, StartSide side, StartFiles files, VitArchitecture vit, int threads)
    {
        const int Classes = 2;
        TaskHead head = new(Classes, vit.Dim, new float[Classes * vit.Dim], new float[Classes]);
        using PlainSession session = times.Time("load", () => new PlainSession(files.Model(side), head, threads));
        float[] pixels = times.Time("prepare", () =>
            PreparedImage.From(File.ReadAllBytes(files.Picture), new InputDescription(BenchmarkModel.Recipe(vit)), DecodeLimits.Default).Pixels);
        long[] shape = [1, 3, vit.ImageSize, vit.ImageSize];
        times.Time("first", () => session.Run(pixels, shape));
        times.Answer();
        times.Time("second", () => session.Run(pixels, shape));
    }
}
