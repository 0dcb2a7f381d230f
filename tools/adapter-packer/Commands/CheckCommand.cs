using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;

namespace AdapterPacker.Commands;

/// <summary><c>check</c>: a bundle's logits against those of the training code.</summary>
internal sealed class CheckCommand : PackerCommand
{
    private const double DefaultTolerance = 1e-4;

    // By name: the parser of an enumeration takes its numbers too.
    private static readonly string[] s_providers = [.. Enum.GetNames<ExecutionProvider>().Select(name => name.ToLowerInvariant())];

    private readonly Argument<string> _file = new("FILE.melo") { Description = "The bundle, signed or not." };
    private readonly Option<string> _base = new("--base") { Description = "The base package to run it on.", Required = true, HelpName = "DIR" };

    private readonly Option<string> _reference = new("--reference")
    {
        Description = "A file with pixel_values [n,3,h,w] and logits [n,classes], or logits.<task>.", Required = true, HelpName = "REF.safetensors",
    };

    private readonly Option<double> _tolerance = new("--tolerance")
    {
        Description = "The largest difference, over max(1, largest |reference logit|).", DefaultValueFactory = _ => DefaultTolerance, HelpName = "T", CustomParser = NumberOption.Positive,
    };

    private readonly Option<string> _provider = new("--provider") { Description = "Where to run it.", DefaultValueFactory = _ => s_providers[0], HelpName = string.Join('|', s_providers) };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object." };

    public CheckCommand()
        : base("check", "Compares a bundle's logits with a reference: the way to prove a conversion from PyTorch.")
    {
        foreach (Option option in (Option[])[_base, _reference, _tolerance, _provider, _json]) Add(option);
        Add(_file);
        _provider.AcceptOnlyFromAmong(s_providers);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-packer check blood-cell.melo --base base --reference expected.safetensors",
        "adapter-packer check blood-cell.melo --base base --reference expected.safetensors --tolerance 1e-3 --json",
        "",
        "Make the reference where the model was trained:",
        "safetensors.torch.save_file({'pixel_values': x, 'logits': model(x)}, 'expected.safetensors')",
        "Exit code 1 when the difference is beyond the tolerance.",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        string path = parsed.GetRequiredValue(_file), referencePath = parsed.GetRequiredValue(_reference);
        double tolerance = parsed.GetValue(_tolerance);
        BundleContents contents = Bundle.OpenUnverified(path);
        AdapterDescription description = contents.Description;
        ReferenceLogits reference = ReferenceLogits.Read(referencePath, description.Task);
        if (reference.Classes != description.Head.Labels.Count)
            throw RefusedException.File(referencePath, $"found logits of {reference.Classes} classes, expected {description.Head.Labels.Count} as {Path.GetFileName(path)} has labels");
        using EdgeEngine engine = EdgeEngine.Load(parsed.GetRequiredValue(_base), new EdgeEngineOptions { Provider = Enum.Parse<ExecutionProvider>(parsed.GetRequiredValue(_provider), ignoreCase: true) });
        if (description.Base != engine.Base.Digest)
            throw RefusedException.File(path, $"found a bundle for base {description.Base}, expected {engine.Base.Digest}, the one that was given");
        float[] logits = engine.Evaluate(contents.Adapter, reference.Pixels, reference.PixelShape, cancellation);
        LogitComparison comparison = LogitComparison.Of(logits, reference.Logits, reference.Classes);
        bool passed = comparison.Ratio <= tolerance;
        if (parsed.GetValue(_json)) JsonReport.Print(output, Report(description, contents, engine, reference, comparison, tolerance, passed));
        else Print(output, description, comparison, tolerance);
        return passed
            ? PackerProgram.Done
            : throw RefusedException.File(path, string.Create(CultureInfo.InvariantCulture, $"found logits that differ from the reference by {comparison.Ratio:G3} of max(1, largest), expected at most {tolerance:G3}"));
    }

    private static void Print(TextWriter output, AdapterDescription description, LogitComparison comparison, double tolerance)
    {
        output.WriteLine($"task {description.Task}, release {description.Release}: {Words.Count(comparison.Inputs, "input")}, {description.Head.Labels.Count} classes");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"largest difference  {comparison.LargestDifference:G4}"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"largest reference   {comparison.LargestReference:G4}"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ratio               {comparison.Ratio:G4} (tolerance {tolerance:G4})"));
        output.WriteLine($"top-1 agreement     {comparison.Agreeing} of {comparison.Inputs}");
    }

    private static JsonObject Report(
        AdapterDescription description, BundleContents contents, EdgeEngine engine, ReferenceLogits reference, LogitComparison comparison, double tolerance, bool passed) => new()
    {
        ["task"] = description.Task,
        ["release"] = description.Release,
        ["bundle"] = contents.Digest,
        ["base"] = engine.Base.Digest,
        ["provider"] = engine.Provider.ToString().ToLowerInvariant(),
        ["inputs"] = comparison.Inputs,
        ["classes"] = reference.Classes,
        // JSON has no infinity: logits that are not finite have no difference to report.
        ["largestDifference"] = double.IsFinite(comparison.LargestDifference) ? comparison.LargestDifference : null,
        ["largestReference"] = comparison.LargestReference,
        ["ratio"] = double.IsFinite(comparison.Ratio) ? comparison.Ratio : null,
        ["tolerance"] = tolerance,
        ["top1Agreeing"] = comparison.Agreeing,
        ["passed"] = passed,
    };
}
