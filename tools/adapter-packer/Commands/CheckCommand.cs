using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;

namespace AdapterPacker.Commands;

/// <summary><c>check</c>: a bundle's logits against those of the training code.</summary>
internal sealed class CheckCommand : ToolCommand
{
    private const double DefaultTolerance = 1e-4;

    private static readonly string[] s_precisions = [.. Enum.GetValues<Precision>().Select(p => p.Name())];

    private readonly Argument<string> _file = new("FILE.melo") { Description = "The bundle, signed or not." };
    private readonly Option<string> _base = new("--base") { Description = "The base package to run it on.", Required = true, HelpName = "DIR" };

    private readonly Option<string> _reference = new("--reference")
    {
        Description = "A file with pixel_values [n,3,h,w] and logits [n,classes], or logits.<task>. With labels [n] in I64, accuracy and AUC are shown too.", Required = true, HelpName = "REF.safetensors",
    };

    private readonly Option<double?> _tolerance = new("--tolerance")
    {
        Description = "The largest difference, over max(1, largest |reference logit|). Default: 1e-4 in fp32, the bundle's own tolerance in fp16 and int8.", HelpName = "T", CustomParser = NumberOption.OptionalPositive,
    };

    private readonly Option<string> _precision = new("--precision") { Description = "The graph to run it on; fp16 and int8 are shown beside fp32.", DefaultValueFactory = _ => Precision.Fp32.Name(), HelpName = string.Join('|', s_precisions) };

    private readonly Option<string> _provider = ProviderOption.Create("Where to run it.");
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object." };

    public CheckCommand()
        : base("check", "Compares a bundle's logits with a reference: the way to prove a conversion from PyTorch.")
    {
        foreach (Option option in (Option[])[_base, _reference, _tolerance, _precision, _provider, _json]) Add(option);
        Add(_file);
        _precision.AcceptOnlyFromAmong(s_precisions);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-packer check blood-cell.melo --base base --reference expected.safetensors",
        "adapter-packer check blood-cell.melo --base base --reference expected.safetensors --tolerance 1e-3 --json",
        "adapter-packer check blood-cell.melo --base base --reference expected.safetensors --precision int8",
        "",
        "Make the reference where the model was trained:",
        "safetensors.torch.save_file({'pixel_values': x, 'logits': model(x)}, 'expected.safetensors')",
        "What fp16 or int8 would do to a bundle that demands fp32 is shown with --precision and --tolerance T; no device runs it so.",
        "fp16 on the cpu is computed by this machine's processor, which rounds less than a GPU does; another --provider computes it as devices do.",
        "Exit codes: 0 within the tolerance; 1 beyond it, or a file that was refused; 2 wrong usage; 8 the provider cannot start here, or its device",
        "lacks the memory or the precision; 9 the device was lost.",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        string path = parsed.GetRequiredValue(_file), referencePath = parsed.GetRequiredValue(_reference), baseFolder = parsed.GetRequiredValue(_base);
        Precision precision = Precisions.Parse(parsed.GetRequiredValue(_precision));
        ExecutionProvider? asked = ProviderOption.Read(parsed, _provider);
        (string Name, string Reason) provider = default;
        BundleContents contents = Bundle.OpenUnverified(path);
        AdapterDescription description = contents.Description;
        double tolerance = parsed.GetValue(_tolerance) ?? (precision == Precision.Fp32 ? DefaultTolerance : description.Tolerance.Of(precision)
            ?? throw RefusedException.File(path, description.Precision is { } demanded
                ? $"found a bundle that demands {demanded.Name()}: no device runs it in {precision.Name()}; expected --tolerance to compare it there all the same"
                : $"found no tolerance for {precision.Name()} in the bundle, expected one, or --tolerance"));
        ReferenceLogits reference = ReferenceLogits.Read(referencePath, description.Task);
        if (reference.Classes != description.Head.Labels.Count)
            throw RefusedException.File(referencePath, $"found logits of {reference.Classes} classes, expected {description.Head.Labels.Count} as {Path.GetFileName(path)} has labels");
        // The precision that was asked for decides; fp32 beside it shows what is the precision's and what the conversion's.
        List<PrecisionResult>? results = null;
        results = [Evaluate(precision)];
        if (precision != Precision.Fp32 && BasePackage.PrecisionsOf(baseFolder).Contains(Precision.Fp32)) results.Insert(0, Evaluate(Precision.Fp32));
        LogitComparison comparison = results[^1].Comparison;
        bool passed = comparison.Ratio <= tolerance;
        if (parsed.GetValue(_json)) JsonReport.Print(output, Report(contents, provider, reference, results, tolerance, passed));
        else
        {
            Print(output, description, provider, results, tolerance);
            if (description.Precision is { } only && only != precision) output.WriteLine($"the bundle demands {only.Name()}: no device runs it in {precision.Name()}");
        }
        return passed
            ? ToolProgram.Done
            : throw RefusedException.File(path, string.Create(CultureInfo.InvariantCulture, $"found logits that differ from the reference by {comparison.Ratio:G3} of max(1, largest), expected at most {tolerance:G3}"));

        PrecisionResult Evaluate(Precision which)
        {
            using EdgeEngine engine = EdgeEngine.Load(baseFolder, new EdgeEngineOptions { Provider = asked, Precision = which });
            // What is beside it runs in the same place.
            if (results is null) (asked, provider) = (engine.Provider, (engine.Provider.Name(), engine.ProviderReason));
            if (description.Base != engine.Base.Digest)
                throw RefusedException.File(path, $"found a bundle for base {description.Base}, expected {engine.Base.Digest}, the one that was given");
            return PrecisionResult.Of(which, engine.Evaluate(contents.Adapter, reference.Pixels, reference.PixelShape, cancellation), reference);
        }
    }

    private static void Print(TextWriter output, AdapterDescription description, (string Name, string Reason) provider, List<PrecisionResult> results, double tolerance)
    {
        LogitComparison last = results[^1].Comparison;
        output.WriteLine($"task {description.Task}, release {description.Release}: {Words.Count(last.Inputs, "input")}, {description.Head.Labels.Count} classes");
        if (results.Count > 1) output.WriteLine($"{"",-20}{string.Join("", results.Select(r => $"{r.Precision.Name(),-12}"))}");
        Row("largest difference", r => Text(r.Comparison.LargestDifference));
        Row("mean difference", r => Text(r.Comparison.MeanDifference));
        Row("largest reference", r => Text(r.Comparison.LargestReference));
        Row("ratio", r => Text(r.Comparison.Ratio), $"(tolerance {Text(tolerance)})");
        Row("smallest cosine", r => r.Comparison.SmallestCosine.ToString("F6", CultureInfo.InvariantCulture));
        Row("top-1 agreement", r => $"{r.Comparison.Agreeing} of {r.Comparison.Inputs}");
        if (results[^1].Accuracy is not null) Row("accuracy", r => Text(r.Accuracy!.Value));
        if (results[^1].Auc is not null) Row("AUC", r => Text(r.Auc!.Value));
        output.WriteLine($"{"provider",-20}{provider.Name} ({provider.Reason})");

        void Row(string name, Func<PrecisionResult, string> value, string note = "") =>
            output.WriteLine($"{name,-20}{string.Join("", results.Select(r => $"{value(r),-12}"))}{note}".TrimEnd());

        static string Text(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
    }

    private static JsonObject Report(
        BundleContents contents, (string Name, string Reason) provider, ReferenceLogits reference, List<PrecisionResult> results, double tolerance, bool passed)
    {
        JsonObject report = new()
        {
            ["task"] = contents.Description.Task,
            ["release"] = contents.Description.Release,
            ["bundle"] = contents.Digest,
            ["base"] = contents.Description.Base,
            ["provider"] = provider.Name,
            ["providerReason"] = provider.Reason,
            ["precision"] = results[^1].Precision.Name(),
            ["demandedPrecision"] = contents.Description.Precision?.Name(),
            ["inputs"] = reference.Inputs,
            ["classes"] = reference.Classes,
        };
        foreach ((string name, JsonNode? value) in results[^1].ToJson()) report[name] = value?.DeepClone();
        report["tolerance"] = tolerance;
        report["passed"] = passed;
        if (results.Count > 1) report[results[0].Precision.Name()] = results[0].ToJson();
        return report;
    }
}
