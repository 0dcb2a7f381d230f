using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Providers;
using Spectre.Console;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// Everything that there is to measure on a device, for a machine that is lent for minutes: switches, inference and a stream in every precision, and PyTorch as a
/// peer where it is there. One JSON file, a table, and progress by the line.
/// </summary>
internal static class GpuBenchmark
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 1, seconds: 8, deviceOnly: true); // a machine is lent for minutes
        Option<DirectoryInfo> output = new("--out")
        {
            Description = "Where gpu-MODEL.json is written.",
            DefaultValueFactory = _ => new DirectoryInfo(Environment.GetEnvironmentVariable("OUT") ?? "."),
        };
        Option<double> limit = new("--limit") { Description = "The seconds after which a part is ended, and the next begun.", DefaultValueFactory = _ => 150 };
        Option<FileInfo?> peer = new("--peer") { Description = "PyTorch's side, bench/gpu/peer.py; left out unless given." };
        Option<string> python = new("--python") { Description = "What runs it.", DefaultValueFactory = _ => "python3" };
        Command command = new("gpu", "All of 'switch', 'inference' and 'stream' on a device, each in a process of its own, and PyTorch beside them: one JSON file.");
        options.AddTo(command);
        options.AddProviderTo(command);
        foreach (Option option in new Option[] { output, limit, peer, python }) command.Options.Add(option);
        command.SetAction((result, cancellation) =>
            RunAsync(options.Read(result), result.GetValue(output)!, TimeSpan.FromSeconds(result.GetValue(limit)), result.GetValue(peer), result.GetValue(python)!, cancellation));
        return command;
    }

    /// <summary>The command that says which device there is: exit code 0 for one, 2 for a program that stands in for one.</summary>
    public static Command DeviceCommand()
    {
        BenchmarkOptions options = new(rounds: 1, deviceOnly: true);
        Command command = new("device", "Says which device a provider runs on, or why it does not start here.");
        options.AddProviderAloneTo(command);
        command.SetAction(result =>
        {
            Provider provider = ProviderChoice.Make(options.ReadProvider(result), device: null, _ => { }).Provider;
            Console.WriteLine(provider.Device ?? provider.Name);
            return provider.Drawback is null ? 0 : 2;
        });
        return command;
    }

    /// <summary>The command that makes what the others measure.</summary>
    public static Command GenerateCommand()
    {
        BenchmarkOptions options = new(rounds: 1, deviceOnly: true);
        Command command = new("generate", "Makes a base of random weights in --folder, for benchmarks on a device.");
        options.AddTo(command);
        options.AddProviderTo(command);
        options.RequireFolder();
        command.SetAction(result =>
        {
            BenchmarkOptions.Settings settings = options.Read(result);
            Directory.CreateDirectory(settings.Folder!); // required
            BenchmarkModel.Generate(settings.Folder!, settings.Model, BenchmarkModel.DevicePrecisions);
            Progress.Clear();
            return 0;
        });
        return command;
    }

    private static async Task<int> RunAsync(
        BenchmarkOptions.Settings settings, DirectoryInfo output, TimeSpan limit, FileInfo? peer, string python, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        output.Create();
        string path = Path.Combine(output.FullName, $"gpu-{settings.Model.Name}.json"), folder = settings.Folder ?? Directory.CreateTempSubdirectory("melo-edge-bench-").FullName;
        string? gpu = await GpuAsync(cancellation);
        List<GpuPart> parts = [];
        JsonObject report = [];
        try
        {
            if (!Directory.Exists(Path.Combine(folder, "base"))) await RunAsync(Own("generate"));
            foreach (Precision precision in BenchmarkModel.DevicePrecisions) await RunAsync(Own("switch", precision, settings.Seconds));
            await RunAsync(Own("inference", seconds: 2 * settings.Seconds));
            if (peer is not null) await RunAsync(Peer(settings, peer, python));
            foreach (Precision precision in BenchmarkModel.DevicePrecisions) await RunAsync(Own("stream", precision, settings.Seconds));
        }
        finally
        {
            if (settings.Folder is null) Directory.Delete(folder, recursive: true);
        }
        if (settings.Json) Console.WriteLine(report.ToJsonString(s_indented));
        else Print(report, parts);
        Say($"written to {path}");
        return parts.Any(p => p.Result is not null) ? 0 : 1;

        GpuPart Own(string benchmark, Precision? precision = null, double seconds = 0)
        {
            string name = precision is { } one ? $"{benchmark}_{one.Name()}" : benchmark;
            BenchmarkOptions.Settings its = settings with { Seconds = seconds };
            string[] precisions = precision is { } chosen ? ["--precision", chosen.Name()] : [];
            return new GpuPart(name, OwnProcess.Start([benchmark, .. its.Arguments, .. precisions, "--folder", folder, .. benchmark == "generate" ? (string[])[] : ["--json"]]));
        }

        async Task RunAsync(GpuPart part)
        {
            parts.Add(part);
            Say($"{part.Name} …");
            await part.RunAsync(limit, cancellation);
            Say(string.Create(CultureInfo.InvariantCulture, $"{part.Name}: {part.Fault ?? "done"}, {part.Took.TotalSeconds:F0} s"));
            // After each: whoever ends this process has what there is by then.
            report = Join(settings, parts, gpu, peer is not null, Stopwatch.GetElapsedTime(start));
            await File.WriteAllTextAsync(path, report.ToJsonString(s_indented) + "\n", cancellation);
        }

        void Say(string line) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{Stopwatch.GetElapsedTime(start).TotalSeconds,4:F0} s] {line}"));
    }

    private static GpuPart Peer(BenchmarkOptions.Settings settings, FileInfo script, string python)
    {
        VitArchitecture vit = settings.Model;
        ProcessStartInfo start = new(python);
        foreach (string argument in (string[])[script.FullName, "--seconds", settings.Seconds.ToString(CultureInfo.InvariantCulture)]) start.ArgumentList.Add(argument);
        foreach ((string name, int value) in ((string, int)[])
            [("--dim", vit.Dim), ("--depth", vit.Depth), ("--heads", vit.Heads), ("--mlp", vit.MlpDim), ("--patch", vit.PatchSize), ("--image", vit.ImageSize)])
        {
            start.ArgumentList.Add(name);
            start.ArgumentList.Add(value.ToString(CultureInfo.InvariantCulture));
        }
        return new GpuPart("peer", start);
    }

    private static JsonObject Join(BenchmarkOptions.Settings settings, List<GpuPart> parts, string? gpu, bool hasPeer, TimeSpan took)
    {
        JsonObject machine = Machine.Describe();
        if (gpu is not null) machine.Add("gpu", gpu);
        JsonObject results = [], failed = [], seconds = [];
        foreach (GpuPart part in parts)
        {
            seconds.Add(part.Name, Math.Round(part.Took.TotalSeconds, 1));
            if (part.Result is not null) results.Add(part.Name, part.Result.DeepClone());
            if (part.Fault is not null) failed.Add(part.Name, part.Fault);
        }
        JsonObject report = new()
        {
            ["benchmark"] = "gpu",
            ["model"] = settings.Model.Name,
            ["provider"] = settings.Provider.Name(),
            ["machine"] = machine,
            ["took_s"] = Math.Round(took.TotalSeconds, 1),
            ["part_took_s"] = seconds,
            ["failed"] = failed,
            ["left_out"] = new JsonArray([.. LeftOut(parts, hasPeer).Select(reason => JsonValue.Create(reason))]),
        };
        foreach (Precision precision in BenchmarkModel.DevicePrecisions)
        {
            string name = precision.Name();
            JsonObject throughput = [];
            foreach ((string images, JsonNode? ours) in results["inference"]?[$"{name}_resident_per_s"] as JsonObject ?? [])
                if (results["peer"]?[$"{name}_per_s"]?[images] is { } theirs) throughput.Add(images, Ratio(ours!, theirs));
            if (throughput.Count > 0) report.Add($"{name}_throughput_over_peer", throughput);
            if (results[$"switch_{name}"]?["cold_done_ms"] is { } cold && results["peer"]?[$"{name}_cold_ms"] is { } peer) report.Add($"{name}_cold_over_peer", Ratio(cold, peer));
        }
        report.Add("parts", results);
        return report;

        static double Ratio(JsonNode mine, JsonNode theirs) => Math.Round(mine.GetValue<double>() / theirs.GetValue<double>(), 3);
    }

    // Everything that is not in the report, by part: what failed as a whole, and what a part left out.
    private static IEnumerable<string> LeftOut(List<GpuPart> parts, bool hasPeer)
    {
        if (!hasPeer) yield return "peer: found no --peer, expected bench/gpu/peer.py to measure PyTorch";
        foreach (GpuPart part in parts)
        {
            if (part.Fault is not null) yield return $"{part.Name}: {part.Fault}";
            foreach (JsonNode? reason in part.Result?["left_out"] as JsonArray ?? []) yield return $"{part.Name}: {reason}";
        }
    }

    private static void Print(JsonObject report, List<GpuPart> parts)
    {
        Table table = new Table().Title($"gpu: {report["model"]}, {report["provider"]}").AddColumns("part", "what", "value");
        table.Columns[2].RightAligned();
        foreach (GpuPart part in parts)
            foreach ((string name, JsonNode? value) in part.Result ?? [])
                if (value is JsonObject series && name != "machine")
                    foreach ((string key, JsonNode? one) in series) table.AddRow(part.Name, Markup.Escape($"{name}[{key}]"), $"{one}");
                else if (value is JsonValue number && number.GetValueKind() == JsonValueKind.Number) table.AddRow(part.Name, name, $"{number}");
        foreach ((string name, JsonNode? value) in report)
            if (name.EndsWith("_over_peer", StringComparison.Ordinal)) table.AddRow("", name, Markup.Escape(value!.ToJsonString()));
        AnsiConsole.Write(table);
        foreach (JsonNode? reason in report["left_out"] as JsonArray ?? []) Console.WriteLine($"left out: {reason}"); // whole lines, however narrow the terminal
    }

    // What NVIDIA's driver says: name, driver, memory. Others have no such program.
    private static async Task<string?> GpuAsync(CancellationToken cancellation)
    {
        ProcessStartInfo start = new("nvidia-smi") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]) start.ArgumentList.Add(argument);
        try
        {
            using Process process = Process.Start(start)!;
            string output = await process.StandardOutput.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            return process.ExitCode == 0 ? output.Trim() : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
