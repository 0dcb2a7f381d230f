using System.CommandLine;
using System.Globalization;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Dicom;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;

namespace AdapterPacker.Commands;

/// <summary><c>pack</c>: a bundle of a trained adapter, with a self-test made by running it, and run once more on the finished file.</summary>
internal sealed class PackCommand : ToolCommand
{
    // What a device's fp32 logits may differ by from those of the packing machine (docs/bundle-format.md).
    private const double Fp32Tolerance = 1e-3;

    private readonly Option<string> _base = new("--base") { Description = "The base package that the adapter was trained on.", Required = true, HelpName = "DIR" };
    private readonly Option<string> _adapter = new("--adapter") { Description = "LoRA-ViT's safetensors file, or a PEFT folder.", Required = true, HelpName = "FILE_OR_DIR" };
    private readonly Option<string> _task = new("--task") { Description = "The clinical question's name: a-z, 0-9, '.', '_' and '-', at most 63.", Required = true, HelpName = "NAME" };
    private readonly Option<string> _labels = new("--labels") { Description = "The classes in the order of the logits, separated by commas.", Required = true, HelpName = "a,b,c" };
    private readonly Option<string> _out = new("--out") { Description = "The bundle; an older bundle of that name is replaced.", Required = true, HelpName = "FILE.melo" };
    private readonly Option<string?> _key = new("--key") { Description = "The signing key.", HelpName = "KEY.pem" };
    private readonly Option<bool> _unsigned = new("--unsigned") { Description = "Leave the bundle unsigned; no device takes it before 'sign'." };
    private readonly Option<int> _release = new("--release") { Description = "The task's version; it only goes up.", DefaultValueFactory = _ => 1, HelpName = "N", CustomParser = NumberOption.Whole };
    private readonly Option<int?> _rank = new("--rank") { Description = "A LoRA-ViT file's rank. Default: from a name like blood_base_lora_4_4.safetensors.", HelpName = "R", CustomParser = NumberOption.OptionalWhole };
    private readonly Option<int?> _alpha = new("--alpha") { Description = "A LoRA-ViT file's alpha. Default: from its name. The scale is alpha // rank.", HelpName = "A", CustomParser = NumberOption.OptionalWhole };
    private readonly Option<string?> _headBias = new("--head-bias") { Description = "The head's bias, which LoRA-ViT files do not hold: a JSON array or a safetensors file. Default: zero.", HelpName = "FILE" };

    private readonly Option<string> _activation = new Option<string>("--activation")
    {
        Description = "What turns logits into probabilities: one class of several, or each label for itself.", DefaultValueFactory = _ => "softmax", HelpName = "softmax|sigmoid",
    };

    private readonly Option<string> _preprocess = new("--preprocess")
    {
        Description = $"How a picture becomes the input: {string.Join(" or ", PreprocessRecipe.Presets.Keys)}, or a recipe as JSON or in a file.", DefaultValueFactory = _ => "half", HelpName = "PRESET_OR_JSON",
    };

    private readonly Option<DicomVoi?> _dicom = DicomOption.Create("Default: the task takes no DICOM.");

    private readonly VolumeOptions _volume = new();

    private readonly Option<string?> _card = new("--card") { Description = "The model card, a JSON file.", HelpName = "CARD.json" };

    private readonly Option<string?> _reference = new("--reference")
    {
        Description = "Inputs like those that will be seen, pixel_values [n,3,h,w]: what fp16 and int8 change is measured on them. Default: the probe's alone.", HelpName = "REF.safetensors",
    };

    private readonly Option<string?> _precision = new("--precision")
    {
        Description = "The only precision that devices may run the task in. fp32: those that run another run it on their fp32 graph beside the others, or refuse it. Default: what the device runs, unless another precision is measured here to damage the task.", HelpName = "fp32",
    };

    public PackCommand()
        : base("pack", "Turns a trained adapter into a bundle.")
    {
        _activation.AcceptOnlyFromAmong("softmax", "sigmoid");
        foreach (Option option in (Option[])[_base, _adapter, _task, _labels, _out, _key, _unsigned, _release, _rank, _alpha, _headBias, _activation, _preprocess, _dicom, _card, _reference, _precision]) Add(option);
        _volume.AddTo(this);
        _precision.AcceptOnlyFromAmong(Precision.Fp32.Name());
        Validators.Add(result =>
        {
            if (result.GetValue(_key) is null == !result.GetValue(_unsigned)) result.AddError("Expected either --key or --unsigned.");
        });
        _task.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } name && !AdapterDescription.IsTaskName(name))
                result.AddError($"--task: found '{name}', expected a lower-case letter or digit, then up to 62 of a-z, 0-9, '.', '_' and '-'.");
        });
        _labels.Validators.Add(result =>
        {
            string[] labels = LabelsOf(result.GetValueOrDefault<string>() ?? "");
            if (labels.Contains("")) result.AddError("--labels: found an empty label, expected a name for every class.");
            else if (labels.CountBy(label => label).FirstOrDefault(count => count.Value > 1).Key is { } twice) result.AddError($"--labels: found '{twice}' twice, expected every label once.");
        });
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-packer pack --base base --adapter blood_base_lora_4_4.safetensors --task blood-cell \\",
        "  --labels eosinophil,lymphocyte,monocyte,neutrophil --key keys/signing.key.pem --out blood-cell.melo",
        "adapter-packer pack --base base --adapter peft-folder/ --task chest --labels effusion,nodule --activation sigmoid \\",
        "  --preprocess imagenet --card card.json --release 2 --key keys/signing.key.pem --out chest-2.melo",
        "adapter-packer pack --base base --adapter tb_base_lora_4_4.safetensors --task tuberculosis --labels normal,tuberculosis \\",
        "  --reference expected.safetensors --unsigned --out tuberculosis.melo",
        "adapter-packer pack --base base --adapter knee_base_lora_4_4.safetensors --task knee --labels normal,abnormal \\",
        "  --slices 30 --axes sagittal --slice-head knee-proj.safetensors --dicom percentile:1,99 --key keys/signing.key.pem --out knee.melo",
        "adapter-packer pack --base base --adapter retina_base_lora_4_4.safetensors --task retina --labels none,mild,severe \\",
        "  --precision fp32 --key keys/signing.key.pem --out retina.melo",
        "",
        "On a base with an fp16 or int8 graph, that precision is measured here: the bundle says how far a device may be off, or, where the precision",
        "damages the task, demands fp32 as with --precision fp32. Devices that run a precision that was not measured refuse the bundle unless it demands fp32.",
        "A preset is fitted to the base's image size. A recipe in JSON:",
        """--preprocess '{"resize":"squash","size":224,"interpolation":"bicubic","mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}'""",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        string path = parsed.GetRequiredValue(_out);
        OutputFile.CheckReplaceable(path, FileKind.Bundle);
        using SigningKey? key = parsed.GetValue(_key) is { } keyPath ? SigningKey.FromPemFile(keyPath) : null;
        ModelCard? card = parsed.GetValue(_card) is { } cardPath ? ModelCard.Parse(File.ReadAllBytes(cardPath), Path.GetFileName(cardPath)) : null;
        float[]? headBias = parsed.GetValue(_headBias) is { } biasPath ? HeadBiasFile.Read(biasPath) : null;
        string baseFolder = parsed.GetRequiredValue(_base);
        if (!BasePackage.PrecisionsOf(baseFolder).Contains(Precision.Fp32))
            throw RefusedException.File(baseFolder, "found a base without an fp32 graph, which the probe's logits come from; expected one imported with fp32 in --precision");
        using EdgeEngine engine = EdgeEngine.Load(baseFolder);
        ImportedAdapter imported = AdapterSource.Read(
            parsed.GetRequiredValue(_adapter), parsed.GetValue(_rank), parsed.GetValue(_alpha), headBias, engine.Base.Architecture.Depth);
        imported = imported with { Adapter = _volume.WithSliceHead(parsed, imported.Adapter) };
        AdapterDescription description = Describe(parsed, engine, imported, card);
        Probe probe = MakeProbe(engine, imported.Adapter, description.Input.Preprocess, cancellation);
        IReadOnlyList<PrecisionMeasurement> measured = PrecisionMeasurement.Of(engine, imported.Adapter, probe, ReadReference(parsed.GetValue(_reference), engine), cancellation);
        bool asked = parsed.GetValue(_precision) is not null;
        description = description with
        {
            Tolerance = new ProbeTolerance(Fp32Tolerance, Int8: Measured(Precision.Int8)?.Tolerance, Fp16: Measured(Precision.Fp16)?.Tolerance),
            Precision = asked || measured.Any(m => m.Damage is not null) ? Precision.Fp32 : null,
        };
        byte[] bundle = BundleWriter.Write(description, imported.Adapter, probe, preview: null, key);
        double difference = PackedBundle.Prove(bundle, Path.GetFileName(path), engine, key, cancellation);
        OutputFile.Write(path, FileKind.Bundle, bundle);

        LoraAdapter adapter = imported.Adapter;
        output.WriteLine($"{path}: task {description.Task}, release {description.Release}, {description.Head.Labels.Count} classes, {bundle.Length.ToString("N0", CultureInfo.InvariantCulture)} bytes");
        output.WriteLine($"rank {adapter.Rank}, scale {adapter.Scale.ToString(CultureInfo.InvariantCulture)}, {string.Join(" ", adapter.Targets.Select(t => t.Name()))}, {adapter.LoraParameterCount.ToString("N0", CultureInfo.InvariantCulture)} parameters, head bias: {Words.BiasSource(imported.BiasSource)}");
        output.WriteLine(key is null ? "not signed: no device takes it before 'sign'" : $"signed with key {key.KeyHint}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"opened again and probed: difference {difference:G3}"));
        foreach (Precision precision in Enum.GetValues<Precision>().Where(p => p != Precision.Fp32))
        {
            string unmeasured = $"{precision.Name()}: not measured, the base has no {precision.Name()} graph{(description.Precision is null ? "; devices that run it refuse this bundle, unless it is packed with --precision fp32" : "")}";
            output.WriteLine(Measured(precision)?.ToString() ?? unmeasured);
        }
        if (asked) output.WriteLine("demands fp32: devices that run another precision run it on their fp32 graph, or refuse it as they are set");
        else
            foreach (PrecisionMeasurement damaging in measured.Where(m => m.Damage is not null))
                parsed.InvocationConfiguration.Error.WriteLine($"warning: {damaging.Precision.Name()} damages this task: {damaging.Damage}. The bundle demands fp32, as with --precision fp32: devices that run another precision run it on their fp32 graph, or refuse it as they are set.");
        return ToolProgram.Done;

        PrecisionMeasurement? Measured(Precision precision) => measured.FirstOrDefault(m => m.Precision == precision);
    }

    private AdapterDescription Describe(ParseResult parsed, EdgeEngine engine, ImportedAdapter imported, ModelCard? card)
    {
        string task = parsed.GetRequiredValue(_task);
        LoraAdapter adapter = imported.Adapter;
        string[] labels = LabelsOf(parsed.GetRequiredValue(_labels));
        int classes = (adapter.SliceHead ?? adapter.Head).Classes;
        if (labels.Length != classes)
            throw RefusedException.File(parsed.GetRequiredValue(_adapter), $"found a head of {classes} classes, expected {labels.Length} as --labels names");
        return new AdapterDescription
        {
            Task = task,
            Release = parsed.GetValue(_release),
            Title = card?.Task ?? task,
            Base = engine.Base.Digest,
            Architecture = engine.Base.Architecture.Name,
            Lora = new LoraDescription(adapter.Rank, imported.Alpha, adapter.Scale, adapter.Targets, imported.Source),
            Head = new HeadDescription(labels, Enum.Parse<HeadActivation>(parsed.GetRequiredValue(_activation), ignoreCase: true), imported.BiasSource),
            Input = new InputDescription(PreprocessOption.Resolve(parsed.GetRequiredValue(_preprocess), engine.Base.Architecture.ImageSize), parsed.GetValue(_dicom), _volume.Read(parsed)),
            Tolerance = new ProbeTolerance(Fp32Tolerance),
            Card = card,
            Created = ThisSecond(),
        };
    }

    private static (float[] Pixels, long[] Shape)? ReadReference(string? path, EdgeEngine engine)
    {
        if (path is null) return null;
        return engine.Base.Precisions.All(p => p == Precision.Fp32)
            ? throw RefusedException.File(engine.Base.Folder, "found no graph but fp32, expected one of another precision to measure --reference with")
            : ReferenceLogits.ReadPixels(path);
    }

    private static string[] LabelsOf(string text) => text.Split(',', StringSplitOptions.TrimEntries);

    // As the format writes times.
    private static DateTimeOffset ThisSecond() => DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());

    private static Probe MakeProbe(EdgeEngine engine, LoraAdapter adapter, PreprocessRecipe recipe, CancellationToken cancellation)
    {
        float[] pixels = ProbePixels.For(recipe);
        long[] shape = [1, 3, recipe.Size, recipe.Size];
        return new Probe(pixels, shape, engine.Evaluate(adapter, pixels, shape, cancellation), adapter.Head.Classes);
    }
}
