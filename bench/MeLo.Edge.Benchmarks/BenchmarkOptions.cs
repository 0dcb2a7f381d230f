using System.CommandLine;
using MeLo.Edge.Models;
using MeLo.Edge.Native;

namespace MeLo.Edge.Benchmarks;

/// <summary>The options that every benchmark has.</summary>
internal sealed class BenchmarkOptions
{
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

    public BenchmarkOptions(int rounds) => _rounds.DefaultValueFactory = _ => rounds;

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _json, _model, _rounds, _threads }) command.Options.Add(option);
    }

    /// <summary>Adds the choice of precision, for a benchmark that passes it on.</summary>
    public void AddPrecisionTo(Command command) => command.Options.Add(_precision);

    public Settings Read(ParseResult result) => new(
        result.GetValue(_json), VitArchitecture.Named(result.GetValue(_model)!), result.GetValue(_rounds), result.GetValue(_threads))
    {
        Precision = Precisions.Parse(result.GetValue(_precision) ?? Precision.Fp32.Name()),
    };

    /// <summary>What the user chose.</summary>
    public sealed record Settings(bool Json, VitArchitecture Model, int Rounds, int Threads)
    {
        public Precision Precision { get; init; } = Precision.Fp32;
    }
}
