using System.CommandLine;
using System.Globalization;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Native;

namespace MeLo.Edge.Benchmarks;

/// <summary>The options that every benchmark has.</summary>
internal sealed class BenchmarkOptions
{
    // By then the seconds are over, on any device.
    private const int MostRounds = 2000;

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object instead of a table." };
    private readonly Option<string> _model = new("--model")
    {
        Description = "The architecture, by timm's name; its weights are random.",
        DefaultValueFactory = _ => "vit_base_patch16_224",
    };
    private readonly Option<int> _rounds = new("--rounds") { Description = "Interleaved rounds; the median of each side is reported." };
    private readonly Option<int> _threads = new("--threads")
    {
        Description = "Threads of the graph, the merge and the copy.",
        DefaultValueFactory = _ => ProcessorCores.Count, // as the engine by default
    };

    private readonly Option<string> _precision = new("--precision")
    {
        Description = "The precision of the resident graph; the other sides stay fp32.",
        DefaultValueFactory = _ => Precision.Fp32.Name(),
    };

    private readonly Option<string> _provider = new("--provider");
    private readonly ExecutionProvider _defaultProvider;

    private readonly Option<double> _seconds = new("--seconds")
    {
        Description = "On a device: rounds go on until so many seconds have passed, but for five at least and --rounds (2000) at most.",
    };

    private readonly Option<DirectoryInfo?> _folder = new("--folder")
    {
        Description = "On a device: what 'generate' has made, to be used and kept. Otherwise it is generated, and deleted at the end.",
    };

    /// <param name="rounds">The rounds by default.</param>
    /// <param name="seconds">How long they go on by default, on a device.</param>
    /// <param name="deviceOnly">Whether there is nothing to measure on the processor: it is then refused, and the default is WebGPU.</param>
    public BenchmarkOptions(int rounds, double seconds = 20, bool deviceOnly = false)
    {
        _rounds.DefaultValueFactory = _ => rounds;
        _seconds.DefaultValueFactory = _ => seconds;
        _defaultProvider = deviceOnly ? ExecutionProvider.WebGpu : ExecutionProvider.Cpu;
        _provider.DefaultValueFactory = _ => _defaultProvider.Name();
        _provider.Description = deviceOnly ? "The device that is measured." : "Where the graphs run. On a device other sides are measured than on the processor, and --seconds counts.";
        string[] names = [.. Enum.GetValues<ExecutionProvider>().Where(p => !deviceOnly || p != ExecutionProvider.Cpu).Select(p => p.Name())];
        _provider.HelpName = string.Join('|', names);
        _provider.Validators.Add(result =>
        {
            string found = result.GetValueOrDefault<string>();
            if (!names.Contains(found, StringComparer.OrdinalIgnoreCase)) result.AddError($"--provider: found '{found}', expected {string.Join(" or ", names)}{(deviceOnly ? ": a device is what this measures" : "")}.");
        });
    }

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _json, _model, _rounds, _threads }) command.Options.Add(option);
    }

    /// <summary>Adds the choice of precision, for a benchmark that passes it on.</summary>
    public void AddPrecisionTo(Command command) => command.Options.Add(_precision);

    /// <summary>Adds the choice of provider, for a benchmark that has sides for a device.</summary>
    public void AddProviderTo(Command command)
    {
        foreach (Option option in new Option[] { _provider, _seconds, _folder }) command.Options.Add(option);
    }

    /// <summary>For a command that has nothing to do without a folder.</summary>
    public void RequireFolder() => _folder.Required = true;

    /// <summary>Adds the choice of provider and nothing else.</summary>
    public void AddProviderAloneTo(Command command) => command.Options.Add(_provider);

    public ExecutionProvider ReadProvider(ParseResult result)
    {
        _ = ExecutionProviders.TryParse(result.GetValue(_provider) ?? _defaultProvider.Name(), out ExecutionProvider? provider); // the option takes no other
        return provider ?? _defaultProvider;
    }

    public Settings Read(ParseResult result)
    {
        ExecutionProvider kind = ReadProvider(result);
        bool hasRounds = result.GetResult(_rounds) is { Implicit: false };
        return new Settings(
            result.GetValue(_json),
            VitArchitecture.Named(result.GetValue(_model)!),
            kind == ExecutionProvider.Cpu || hasRounds ? result.GetValue(_rounds) : MostRounds,
            result.GetValue(_threads))
        {
            Precision = Precisions.Parse(result.GetValue(_precision) ?? Precision.Fp32.Name()),
            Provider = kind,
            Seconds = result.GetValue(_seconds),
            Folder = result.GetValue(_folder)?.FullName,
        };
    }

    /// <summary>What the user chose.</summary>
    public sealed record Settings(bool Json, VitArchitecture Model, int Rounds, int Threads)
    {
        public Precision Precision { get; init; } = Precision.Fp32;

        public ExecutionProvider Provider { get; init; } = ExecutionProvider.Cpu;

        public bool IsDevice => Provider != ExecutionProvider.Cpu;

        /// <summary>How long the rounds go on, on a device.</summary>
        public double Seconds { get; init; }

        /// <summary>A generated model that is kept; null for one that is generated for this run alone.</summary>
        public string? Folder { get; init; }

        /// <summary>The options that have another process of this program measure the same, but for the precision, which not every benchmark takes.</summary>
        public string[] Arguments =>
        [
            "--model", Model.Name, "--provider", Provider.Name(),
            "--threads", Threads.ToString(CultureInfo.InvariantCulture), "--seconds", Seconds.ToString(CultureInfo.InvariantCulture),
        ];
    }
}
