using System.CommandLine;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace MeLo.Edge.Benchmarks;

/// <summary>
/// From before a process is started until it has the first answer for a picture: the engine, plain ONNX Runtime, and the service itself.
/// Every start is a process of its own; the files are in the page cache, having just been written and used.
/// </summary>
internal static class StartBenchmark
{
    // What the processes spend their time with, in the order in which it happens.
    private static readonly (string Stage, string Meaning)[] s_stages =
    [
        ("total", "from before the process was started until the first answer"),
        ("exit", "until the service has ended"),
        ("runtime", "of it, until the program's first line"),
        ("load", "of it, until the engine or the session is there"),
        ("load_open", "of loading: base.json, the graphs, the layout of the weights"),
        ("load_check", "of loading, beside the next two: the digest and the hashes of the weights"),
        ("load_pristine", "of loading: copying the matrices that adapters change, and making them ready to bind"),
        ("load_session", "of loading: creating the session"),
        ("install", "of it, the bundle: verified, merged, probed with one input"),
        ("prepare", "of it, reading, decoding and preparing a picture"),
        ("first", "of it, the first inference"),
        ("second", "after it: the second inference, for comparison"),
    ];

    public static Command Command()
    {
        BenchmarkOptions options = new(rounds: 7);
        Option<FileInfo[]> services = new("--service")
        {
            Description = "A published MeLo.Edge.Service to start as well, with --once and one picture waiting; may be given several times. Named in the report for its folder.",
            AllowMultipleArgumentsPerToken = true,
            HelpName = "FILE",
        };
        Command command = new("start", "From the start of a process until its first answer, by stages: the engine, plain ONNX Runtime, and the service.");
        options.AddTo(command);
        command.Options.Add(services);
        command.SetAction((result, cancellation) => RunAsync(options.Read(result), result.GetValue(services) ?? [], cancellation));
        return command;
    }

    private static async Task<int> RunAsync(BenchmarkOptions.Settings settings, FileInfo[] services, CancellationToken cancellation)
    {
        foreach (FileInfo service in services.Where(s => !s.Exists)) throw new FileNotFoundException($"found no program {service.FullName}", service.FullName);
        using BenchmarkModel model = new(settings.Model);
        model.WriteDynamicallyQuantizedModel();
        StartFiles files = StartFiles.Write(model, settings.Threads);
        StartSide[] sides = Enum.GetValues<StartSide>();
        Dictionary<string, Dictionary<string, Samples>> found = [];
        for (int round = -1; round < settings.Rounds; round++)
        {
            foreach (StartSide side in sides)
            {
                Progress.Show($"{side}: round {Math.Max(0, round + 1)} of {settings.Rounds}");
                Add(Name(side), round, await StartProbe.MeasureAsync(side, files, settings, cancellation));
            }
            foreach (FileInfo service in services)
            {
                foreach (Precision precision in new[] { Precision.Int8, Precision.Fp32 })
                {
                    Progress.Show($"{service.Directory!.Name} {precision.Name()}: round {Math.Max(0, round + 1)} of {settings.Rounds}");
                    string name = $"service_{service.Directory.Name}_{precision.Name()}";
                    Add(name, round, await ServiceStart.MeasureAsync(service.FullName, files, precision, cancellation));
                }
            }
        }
        Progress.Clear();
        Report report = new("start", settings);
        foreach ((string side, Dictionary<string, Samples> stages) in found)
        {
            foreach ((string stage, string meaning) in s_stages)
                if (stages.TryGetValue(stage, out Samples? samples)) report.Add($"{side}_{stage}_ms", samples.Median, meaning);
            report.Add($"{side}_spread", stages["total"].Spread, "half the distance between the quartiles over the median of the total");
        }
        Ratio("int8", "ort_int8");
        Ratio("fp32", "ort_fp32");
        Ratio("int8", "ort_fp32");
        report.Print();
        return 0;

        void Add(string name, int round, IReadOnlyDictionary<string, double> stages)
        {
            if (round < 0) return; // the first round fills the page cache
            if (!found.TryGetValue(name, out Dictionary<string, Samples>? samples)) found.Add(name, samples = []);
            foreach ((string stage, double milliseconds) in stages)
            {
                if (!samples.ContainsKey(stage)) samples.Add(stage, new Samples());
                samples[stage].Add(milliseconds);
            }
        }

        void Ratio(string side, string other) =>
            report.Add($"{side}_over_{other}", found[side]["total"].Over(found[other]["total"]), "the first answer, by the same rounds");
    }

    private static string Name(StartSide side) => side switch
    {
        StartSide.Int8 => "int8",
        StartSide.Fp32 => "fp32",
        StartSide.OrtFp32 => "ort_fp32",
        StartSide.OrtFp32Mapped => "ort_fp32_mapped",
        StartSide.OrtInt8 => "ort_int8",
        _ => throw new ArgumentOutOfRangeException(nameof(side), side, null),
    };
}
