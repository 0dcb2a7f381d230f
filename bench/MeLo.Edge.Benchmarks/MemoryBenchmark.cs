using System.CommandLine;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>Resident memory against the number of installed tasks: this project, and one ONNX Runtime session a task.</summary>
internal static class MemoryBenchmark
{
    private static readonly int[] s_counts = [1, 4, 16, 64];

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 1);
        Option<int> most = new("--tasks") { Description = "The largest number of tasks.", DefaultValueFactory = _ => s_counts[^1] };
        Option<MemorySide[]> sides = new("--sides") { Description = "What to measure; everything unless given.", AllowMultipleArgumentsPerToken = true };
        Command command = new("memory", "Resident memory against the number of installed tasks, ours and one session a task.");
        options.AddTo(command);
        options.AddPrecisionTo(command);
        command.Options.Add(most);
        command.Options.Add(sides);
        command.SetAction((result, cancellation) => RunAsync(options.Read(result), result.GetValue(most), result.GetValue(sides) ?? [], cancellation));
        return command;
    }

    private static async Task<int> RunAsync(BenchmarkOptions.Settings settings, int most, MemorySide[] sides, CancellationToken cancellation)
    {
        using BenchmarkModel model = new(settings.Model, settings.Precision);
        Dictionary<MemorySide, List<(int Asked, MemoryUse Use)>> found = [];
        foreach (MemorySide side in Enum.GetValues<MemorySide>())
        {
            if (sides.Length > 0 && !sides.Contains(side)) continue;
            if (side == MemorySide.OursOneFp32 && settings.Precision == Precision.Fp32) continue; // all of them run in it
            found.Add(side, []);
            foreach (int count in s_counts.Where(c => c <= most))
            {
                MemoryUse use = await MemoryProbe.MeasureAsync(model, settings, side, count, cancellation);
                found[side].Add((count, use));
                if (use.Tasks < count) break; // more would not fit either
            }
        }
        Progress.Clear();
        Report report = new("memory", settings);
        Add("ours", MemorySide.Ours, "the engine with its default cache");
        Add("ours_one_cached", MemorySide.OursOneCached, "the engine with a cache for one merged task");
        Add("ours_one_fp32", MemorySide.OursOneFp32, "the engine with its default cache, one task demanding fp32");
        Add("sessions", MemorySide.Sessions, "a session a task; stops at 70 % of the machine");
        Add("sessions_mapped", MemorySide.SessionsMapped, "likewise, weights in a mapped file");
        report.Print();
        return 0;

        void Add(string name, MemorySide side, string meaning)
        {
            if (!found.ContainsKey(side)) return;
            report.Add($"{name}_resident_mb", Series(side, u => u.ResidentMegabytes), meaning)
                .Add($"{name}_anonymous_mb", Series(side, u => u.AnonymousMegabytes), "of it, not backed by a file")
                .Add($"{name}_held", Series(side, u => u.Tasks), "tasks that were ready; fewer than asked where memory would not do");
        }

        Dictionary<string, double> Series(MemorySide side, Func<MemoryUse, double> value) =>
            found[side].ToDictionary(f => $"{f.Asked}", f => value(f.Use));
    }
}
