using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Volumes;

namespace AdapterPacker.Commands;

/// <summary><c>inspect</c>: what a bundle says and holds, whoever signed it.</summary>
internal sealed class InspectCommand : ToolCommand
{
    private readonly Argument<string> _file = new("FILE.melo") { Description = "The bundle, signed or not." };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object." };

    public InspectCommand()
        : base("inspect", "Shows what a bundle says and holds. It trusts nobody: whether the signature is good, 'verify' says.")
    {
        Add(_file);
        Add(_json);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-packer inspect blood-cell.melo",
        "adapter-packer inspect blood-cell.melo --json",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        string path = parsed.GetRequiredValue(_file);
        BundleContents contents = Bundle.OpenUnverified(path);
        long fileBytes = new FileInfo(path).Length;
        long? baseParameters = BaseParameters(contents.Description.Architecture);
        if (parsed.GetValue(_json)) JsonReport.Print(output, Report(contents, fileBytes, baseParameters));
        else Print(output, path, contents, fileBytes, baseParameters);
        return ToolProgram.Done;
    }

    private static void Print(TextWriter output, string path, BundleContents contents, long fileBytes, long? baseParameters)
    {
        AdapterDescription description = contents.Description;
        LoraAdapter adapter = contents.Adapter;
        PreprocessRecipe recipe = description.Input.Preprocess;
        output.WriteLine(path);
        Line("task", $"{description.Task}, release {description.Release}");
        Line("title", description.Title);
        Line("base", baseParameters is { } count ? $"{description.Architecture}, {Number(count)} parameters" : description.Architecture);
        Line("", description.Base);
        Line("adapter", FormattableString.Invariant($"rank {adapter.Rank}, alpha {description.Lora.Alpha}, scale {description.Lora.Scale}, from {description.Lora.Source}"));
        Line("targets", $"{string.Join(", ", adapter.Targets.Select(t => t.Name()))} of {adapter.Depth} layers");
        Line("parameters", string.Create(CultureInfo.InvariantCulture, $"{adapter.LoraParameterCount:N0}{(Percent(adapter, baseParameters) is { } percent ? FormattableString.Invariant($" ({percent:F2} % of the base)") : "")}, and {HeadParameters(adapter):N0} of the head"));
        Line("bytes", $"{Number(fileBytes)} the file, {Number(adapter.ByteLength)} the adapter");
        Line("labels", string.Join(", ", description.Head.Labels));
        Line("head", $"{Word(description.Head.Activation)}, bias {Words.BiasSource(description.Head.BiasSource)}");
        Line("input", FormattableString.Invariant($"{(recipe.Resize == ResizeMode.Squash ? "squash" : "shortest side, centre crop")} to {recipe.Size} pixels{(recipe.ShortestSide is { } side ? FormattableString.Invariant($" (shortest side {side})") : "")}, {recipe.Interpolation}, mean {string.Join(" ", recipe.Mean)}, std {string.Join(" ", recipe.Std)}").ToLowerInvariant());
        if (description.Input.Volume is { } volume)
            Line("volume", FormattableString.Invariant($"{volume.Slices} slices along {(volume.Axes == VolumeAxes.All ? "each axis" : $"the {Word(volume.Axes)} axis")}, {volume.Aggregation.Name()}"));
        Line("dicom", description.Input.Dicom?.ToString() ?? "not taken");
        Line("probe", string.Create(CultureInfo.InvariantCulture, $"{Words.Count(contents.Probe.Inputs, description.Input.Volume is null ? "input" : "slice")}, tolerance {description.Tolerance.Fp32} in fp32"));
        Line("precision", PrecisionOf(description));
        if (description.Card is { } card)
        {
            if (card.IntendedUse is { } use) Line("intended use", use);
            if (card.Licence is { } licence) Line("licence", licence);
            if (card.Dataset?.Description is { } data) Line("dataset", data);
            if (card.Training is { Settings.Count: > 0 } training) Line("trained", string.Join("; ", training.Settings.Select(s => $"{s.Key} {s.Value}")));
            foreach ((string name, double value) in card.Metrics) Line(name, value.ToString(CultureInfo.InvariantCulture));
        }
        Line("created", description.Created.ToString("u", CultureInfo.InvariantCulture));
        Line("expires", description.Expires?.ToString("u", CultureInfo.InvariantCulture) ?? "never");
        Line("bundle", contents.Digest);
        Line("signature", contents.SignatureClaim is { } method ? $"{Word(method)} mode; not verified here, 'verify' does" : "none: no device takes it");

        void Line(string name, string value) => output.WriteLine($"  {TerminalText.OneLine(name),-13} {TerminalText.OneLine(value)}");
    }

    private static string PrecisionOf(AdapterDescription description)
    {
        if (description.Precision is { } demanded) return $"{demanded.Name()}, demanded: devices that run another run it beside it, or refuse it";
        ILookup<bool, Precision> measured = Enum.GetValues<Precision>().Where(p => p != Precision.Fp32).ToLookup(p => description.Tolerance.Of(p) is not null);
        string[] runs = [.. measured[true].Select(p => FormattableString.Invariant($"{p.Name()} with tolerance {description.Tolerance.Of(p)}"))];
        string refused = string.Join(" and ", measured[false].Select(p => p.Name()));
        return $"{string.Join(", or ", [Precision.Fp32.Name(), .. runs])}{(refused.Length > 0 ? $"; refused in {refused}, in which its maker did not measure it" : "")}";
    }

    private static JsonObject Report(BundleContents contents, long fileBytes, long? baseParameters) => new()
    {
        ["bundle"] = contents.Digest,
        ["fileBytes"] = fileBytes,
        ["adapterBytes"] = contents.Adapter.ByteLength,
        ["parameters"] = new JsonObject
        {
            ["lora"] = contents.Adapter.LoraParameterCount,
            ["head"] = HeadParameters(contents.Adapter),
            ["base"] = baseParameters,
            ["percentOfBase"] = Percent(contents.Adapter, baseParameters) is { } percent ? Math.Round(percent, 4) : null,
        },
        ["probeInputs"] = contents.Probe.Inputs,
        ["signature"] = new JsonObject
        {
            ["method"] = contents.SignatureClaim is { } method ? Word(method) : "none",
            ["verified"] = false,
        },
        ["description"] = JsonNode.Parse(contents.Description.ToJson()),
    };

    // As the paper counts: trainable low-rank parameters over the base's.
    private static double? Percent(LoraAdapter adapter, long? baseParameters) => 100.0 * adapter.LoraParameterCount / baseParameters;

    // The description names the architecture, and a name tells the shape. A name that does not was not written by 'pack'.
    private static long? BaseParameters(string architecture)
    {
        try
        {
            return VitArchitecture.Named(architecture).ParameterCount;
        }
        catch (ModelException)
        {
            return null;
        }
    }

    private static long HeadParameters(LoraAdapter adapter) => new[] { adapter.Head, adapter.SliceHead }.Sum(head => head is null ? 0 : (long)head.Weight.Length + head.Bias.Length);

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Word<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
