using System.CommandLine;
using System.CommandLine.Parsing;
using MeLo.Edge.Adapters;
using MeLo.Edge.Tensors;
using MeLo.Edge.Volumes;

namespace AdapterPacker;

/// <summary>The options of a task that takes volumes.</summary>
internal sealed class VolumeOptions
{
    private static readonly string[] s_axes = [.. Enum.GetNames<VolumeAxes>().Select(n => n.ToLowerInvariant())];
    private static readonly string[] s_aggregations = [.. SliceAggregations.All.Select(a => a.Name)];

    private readonly Option<int?> _slices = new("--slices")
    {
        Description = $"The task takes volumes: this many slices are looked at along each axis, evenly spaced, 1 to {VolumeRecipe.MaxSlices}. Default: the task takes images.", HelpName = "N", CustomParser = SlicesOf,
    };

    private readonly Option<string?> _axes = new("--axes") { Description = "Along which axes a volume is cut. Default: axial.", HelpName = string.Join('|', s_axes) };

    private readonly Option<string?> _aggregate = new("--aggregate")
    {
        Description = "How the answers to the slices become one. Default: linear with --slice-head, otherwise mean-logits.", HelpName = string.Join('|', s_aggregations),
    };

    private readonly Option<string?> _sliceHead = new("--slice-head")
    {
        Description = "The linear layer over the logits of all slices, a safetensors file: proj_3d.weight [labels,slices*classes] and proj_3d.bias [labels], as LoRA-ViT calls it, or weight and bias.", HelpName = "FILE.safetensors",
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        _axes.AcceptOnlyFromAmong(s_axes);
        _aggregate.AcceptOnlyFromAmong(s_aggregations);
        foreach (Option option in (Option[])[_slices, _axes, _aggregate, _sliceHead]) command.Add(option);
        command.Validators.Add(result =>
        {
            // Of what was given, right or wrong: a value that is refused cannot be asked for here.
            if (!IsGiven(_slices) && (IsGiven(_axes) || IsGiven(_aggregate) || IsGiven(_sliceHead)))
                result.AddError("Expected --slices beside --axes, --aggregate and --slice-head: they are for tasks that take volumes.");
            if (result.GetResult(_aggregate)?.Tokens is [var aggregate] && (aggregate.Value == SliceAggregation.Linear.Name()) != IsGiven(_sliceHead))
                result.AddError("Expected --slice-head with --aggregate linear, and with no other.");

            bool IsGiven(Option option) => result.GetResult(option) is not null;
        });
    }

    /// <summary>What was asked for; null where the task takes images.</summary>
    public VolumeRecipe? Read(ParseResult parsed)
    {
        if (parsed.GetValue(_slices) is not { } slices) return null;
        SliceAggregation aggregation = parsed.GetValue(_aggregate) is { } text ? SliceAggregations.All.Single(a => a.Name == text).Aggregation
            : parsed.GetValue(_sliceHead) is null ? SliceAggregation.MeanLogits : SliceAggregation.Linear;
        return new VolumeRecipe(Enum.Parse<VolumeAxes>(parsed.GetValue(_axes) ?? nameof(VolumeAxes.Axial), ignoreCase: true), slices, aggregation);
    }

    private static int? SlicesOf(ArgumentResult result)
    {
        int slices = NumberOption.Whole(result);
        if (slices > VolumeRecipe.MaxSlices) result.AddError($"--slices: found {slices}, expected 1 to {VolumeRecipe.MaxSlices}.");
        return slices;
    }

    /// <summary>The adapter with the layer over slices, if there is one.</summary>
    public LoraAdapter WithSliceHead(ParseResult parsed, LoraAdapter adapter)
    {
        if (parsed.GetValue(_sliceHead) is not { } path) return adapter;
        using SafetensorsFile file = SafetensorsFile.Open(path);
        string prefix = file.Tensors.ContainsKey("proj_3d.weight") ? "proj_3d." : "";
        TensorView weight = file[prefix + "weight"], bias = file[prefix + "bias"];
        if (weight.Shape is not [var labels, var logits] || bias.Shape is not [var biases] || biases != labels || labels < 1 || logits < 1)
            throw RefusedException.File(path, $"found '{weight.Name}' {weight.ShapeText} and '{bias.Name}' {bias.ShapeText}, expected [labels,slices*classes] and [labels]");
        return new LoraAdapter(adapter.Scale, adapter.Pairs, adapter.Head, new TaskHead((int)labels, (int)logits, weight.ToSingles(), bias.ToSingles()));
    }
}
