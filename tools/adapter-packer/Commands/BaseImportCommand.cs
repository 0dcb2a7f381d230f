using System.CommandLine;
using System.Globalization;
using MeLo.Edge;
using MeLo.Edge.Adapters;
using MeLo.Edge.Models;

namespace AdapterPacker.Commands;

/// <summary><c>base import</c>: a base package of a checkpoint.</summary>
internal sealed class BaseImportCommand : ToolCommand
{
    private readonly Argument<string> _checkpoint = new("CHECKPOINT")
    {
        Description = "A .safetensors file (F32, F16 or BF16), or a folder with model.safetensors and config.json. Names of timm, Hugging Face ViT and LoRA-ViT's base_vit are recognised.",
    };

    private readonly Option<string> _out = new("--out") { Description = "Folder for the base package; it must not exist, or be empty.", Required = true, HelpName = "DIR" };

    private readonly Option<string> _precision = new("--precision")
    {
        Description = "The graphs that the package holds, separated by commas. fp16 is for GPUs: half the size. int8 is for CPUs: smaller, and two to three times as fast.", HelpName = "fp32[,fp16][,int8]", DefaultValueFactory = _ => Precision.Fp32.Name(),
    };

    private readonly Option<int?> _imageSize = new("--image-size") { Description = "Height and width of the images; the position embedding is resampled to it. Default: the checkpoint's.", HelpName = "N", CustomParser = NumberOption.OptionalWhole };

    private readonly Option<int?> _heads = new("--heads") { Description = "The number of attention heads, where neither a config.json nor a known size tells it.", HelpName = "N", CustomParser = NumberOption.OptionalWhole };

    private readonly Option<string> _adapt = new("--adapt")
    {
        Description = "Which linears adapters may change: query and value as MeLo does, or all, for PEFT adapters.", HelpName = "qv|all", DefaultValueFactory = _ => "qv",
    };

    private readonly Option<string?> _calibrate = new("--calibrate")
    {
        Description = "Pictures like those that will be seen, some dozens of real ones: the int8 graph's weights are then rounded so that errors make up for each other on them. Hidden files are passed over. Default: each to the nearest.", HelpName = "DIR",
    };

    public BaseImportCommand()
        : base("import", "Imports a checkpoint as a base package: base.json, the weights, and a graph for each precision.")
    {
        Validate(_precision, ParsePrecisions);
        Validate(_adapt, AdaptableSets.Parse);
        Add(_checkpoint);
        Add(_out);
        Add(_precision);
        Add(_imageSize);
        Add(_heads);
        Add(_adapt);
        Add(_calibrate);
        Validators.Add(result =>
        {
            string precisions = result.GetValue(_precision) ?? Precision.Fp32.Name(); // the default is not filled in yet
            if (result.GetValue(_calibrate) is not null && !precisions.Split(',', StringSplitOptions.TrimEntries).Contains(Precision.Int8.Name()))
                result.AddError($"--calibrate: found --precision {precisions}, expected int8 among them: nothing else looks at the pictures.");
        });
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-packer base import vit_base_patch16_224.safetensors --out base",
        "adapter-packer base import vit_base_patch16_224.safetensors --out base --precision fp32,fp16,int8",
        "adapter-packer base import vit_base_patch16_224.safetensors --out base --precision fp32,int8 --calibrate radiographs/",
        "adapter-packer base import google-vit-base-patch16-224-in21k/ --out base --adapt all",
        "adapter-packer base import vit_tiny.safetensors --out base-288 --image-size 288",
        "",
        "The base digest that it prints is over the canonical weights: the same for any naming and precision of one checkpoint.",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        string folder = parsed.GetRequiredValue(_out);
        BaseImportOptions options = new()
        {
            ImageSize = parsed.GetValue(_imageSize),
            Heads = parsed.GetValue(_heads),
            Adapt = AdaptableSets.Parse(parsed.GetRequiredValue(_adapt)),
            Precisions = ParsePrecisions(parsed.GetRequiredValue(_precision)),
            CalibrationFolder = parsed.GetValue(_calibrate),
        };
        string checkpoint = parsed.GetRequiredValue(_checkpoint);
        if (!Path.Exists(checkpoint)) throw RefusedException.File(checkpoint, $"found nothing at {checkpoint}, expected a .safetensors file or a folder");
        if (options.CalibrationFolder is { } calibration && !Directory.Exists(calibration))
            throw RefusedException.File(calibration, $"found no folder at {calibration}, expected one with pictures");
        ImportProgress.Show(progress => BaseImport.Import(checkpoint, folder, options, progress, cancellation));
        using BasePackage package = BasePackage.Open(folder);
        output.WriteLine($"{folder}: {package.Architecture.Name}, {package.Architecture.ParameterCount.ToString("N0", CultureInfo.InvariantCulture)} parameters");
        output.WriteLine($"base {package.Digest}");
        output.WriteLine($"graphs: {string.Join(", ", package.Precisions.Select(p => p.Name()))}");
        output.WriteLine($"adapters may change {package.AdaptableLinears.Count} linears: {string.Join(", ", options.Adapt.Linears().Select(l => l.Name()))} of {package.Architecture.Depth} layers");
        return ToolProgram.Done;
    }

    private static Precision[] ParsePrecisions(string text) => [.. text.Split(',').Select(name => Precisions.Parse(name.Trim())).Distinct()];

    // A value that no import takes is wrong usage, and is said before anything is read.
    private static void Validate<T>(Option<string> option, Func<string, T> parse) => option.Validators.Add(result =>
    {
        try
        {
            if (result.GetValueOrDefault<string>() is { } text) parse(text);
        }
        catch (MeLoException e)
        {
            result.AddError(e.Message + ".");
        }
    });
}
