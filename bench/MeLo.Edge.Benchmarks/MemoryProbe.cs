using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>Measures one side in a process of its own, so that allocators do not mix: the parent starts this program again.</summary>
internal static class MemoryProbe
{
    // Above this share of the machine's memory no further session is created: swapping would measure the disk.
    private const double Share = 0.7;

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 1);
        Argument<MemorySide> side = new("side");
        Argument<int> tasks = new("tasks");
        Argument<string> folder = new("folder");
        Command command = new("memory-probe", "One measurement of the benchmark 'memory'.") { Hidden = true };
        command.Arguments.Add(side);
        command.Arguments.Add(tasks);
        command.Arguments.Add(folder);
        options.AddTo(command);
        options.AddPrecisionTo(command);
        command.SetAction(async (result, cancellation) =>
        {
            BenchmarkOptions.Settings settings = options.Read(result);
            using BenchmarkModel model = BenchmarkModel.Open(settings.Model, settings.Precision, result.GetValue(folder)!);
            MemoryUse use = result.GetValue(side) is MemorySide.Ours or MemorySide.OursOneCached or MemorySide.OursOneFp32
                ? await Ours(model, settings, result.GetValue(side), result.GetValue(tasks), cancellation)
                : Sessions(model, settings, result.GetValue(side), result.GetValue(tasks));
            Console.WriteLine(JsonSerializer.Serialize(use));
            return 0;
        });
        return command;
    }

    /// <summary>Starts the process and reads what it found.</summary>
    public static async Task<MemoryUse> MeasureAsync(
        BenchmarkModel model, BenchmarkOptions.Settings settings, MemorySide side, int tasks, CancellationToken cancellation)
    {
        Progress.Show($"memory: {side}, {tasks}");
        string found = await OwnProcess.RunAsync(
            ["memory-probe", side.ToString(), tasks.ToString(CultureInfo.InvariantCulture), model.Folder, "--model", settings.Model.Name,
                "--threads", settings.Threads.ToString(CultureInfo.InvariantCulture), "--precision", settings.Precision.Name()],
            cancellation);
        return JsonSerializer.Deserialize<MemoryUse>(found)!;
    }

    private static async Task<MemoryUse> Ours(
        BenchmarkModel model, BenchmarkOptions.Settings settings, MemorySide side, int count, CancellationToken cancellation)
    {
        using EdgeEngine engine = model.LoadWithCache(settings.Threads, side == MemorySide.OursOneCached ? model.TaskBytes : null);
        InstalledTask[] tasks = model.Install(engine, count, withFp32Task: side == MemorySide.OursOneFp32);
        PreparedImage image = PreparedImage.FromPixels(model.Pixels(1), tasks[0].Description.Input);
        foreach (InstalledTask task in tasks) await engine.PredictAsync(task, image, cancellation);
        return Settled(count);
    }

    private static MemoryUse Sessions(BenchmarkModel model, BenchmarkOptions.Settings settings, MemorySide side, int count)
    {
        long bound = (long)(Share * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        float[] pixels = model.Pixels(1);
        List<PlainSession> sessions = [];
        string path = side == MemorySide.Sessions ? model.MergedModel : model.MergedModelBesideWeights;
        long before = MemoryUse.Now(0).Resident, largest = 0;
        while (sessions.Count < count && before + largest <= bound)
        {
            PlainSession session = new(path, model.Adapter, settings.Threads);
            sessions.Add(session);
            session.Run(pixels, model.PixelShape);
            long now = MemoryUse.Now(0).Resident;
            largest = Math.Max(largest, now - before);
            before = now;
        }
        MemoryUse use = Settled(sessions.Count);
        foreach (PlainSession session in sessions) session.Dispose();
        return use;
    }

    // What was only needed on the way goes back first, on every side alike.
    private static MemoryUse Settled(int tasks)
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return MemoryUse.Now(tasks);
    }
}
