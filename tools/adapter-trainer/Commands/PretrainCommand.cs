using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Bases;
using MeLo.Edge.Training.Data;

namespace AdapterTrainer.Commands;

/// <summary><c>pretrain</c>: a small Vision Transformer from nothing, where no base can be had.</summary>
internal sealed class PretrainCommand : ToolCommand
{
    // There is nothing that a high rate could tear down.
    private const double LearningRate = 1e-3;

    private readonly TrainingOptions _training;
    private readonly Option<string> _out = new("--out") { Description = "The checkpoint, under timm's names; an older one is replaced.", Required = true, HelpName = "FILE.safetensors" };
    private readonly Option<int> _imageSize = Size("--image-size", "Height and width of the images in pixels; a multiple of the patch size.", 64);
    private readonly Option<int> _patchSize = Size("--patch-size", "Height and width of a patch in pixels.", 8);
    private readonly Option<int> _dim = Size("--dim", "The width of a token; a multiple of the heads.", 128);
    private readonly Option<int> _depth = Size("--depth", "The number of blocks.", 6);
    private readonly Option<int> _heads = Size("--heads", "The number of attention heads.", 4);
    private readonly Option<int?> _mlp = new("--mlp") { Description = "The width inside the MLP. Default: 4 times --dim.", HelpName = "N", CustomParser = NumberOption.OptionalWhole };
    private readonly Option<bool> _half = new("--half") { Description = "Round the weights to F16: half the size." };
    private readonly Option<bool> _restart = new("--restart") { Description = "Begin anew, although a training of that name was interrupted." };
    private readonly Option<int> _threads = BaseOptions.ThreadsOption();

    public PretrainCommand()
        : base("pretrain", "Trains a small Vision Transformer from nothing on labelled pictures, as a base for adapters.")
    {
        Add(_out);
        _training = new TrainingOptions(this, adapters: false, LearningRate);
        foreach (Option option in (Option[])[_imageSize, _patchSize, _dim, _depth, _heads, _mlp, _half, _threads, _restart]) Add(option);
        _out.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } path && !path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)) result.AddError($"--out: found '{path}', expected a name that ends in .safetensors.");
        });
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-trainer pretrain --data pictures/ --image-size 64 --patch-size 8 --dim 128 --depth 6 --heads 4 --learning-rate 1e-3 --out small.safetensors",
        "adapter-packer base import small.safetensors --heads 4 --out base",
        "",
        "Pictures are squashed to the size, bicubic, mean and std 0.5: --preprocess half.",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        TextWriter error = parsed.InvocationConfiguration.Error;
        string path = parsed.GetRequiredValue(_out), work = path + ".training";
        OutputFile.CheckReplaceable(path, FileKind.Safetensors);
        VitArchitecture vit = Architecture(parsed);
        TrainingSettings settings = _training.Settings(parsed, TrainingMode.Full);
        Dataset dataset = _training.Open(parsed);
        Splits parts = _training.Split(parsed, dataset, settings.Seed, error);
        PreprocessRecipe recipe = PreprocessOption.Resolve("half", vit.ImageSize);
        using TrainingFolder folder = TrainingFolder.Take(work, parsed.GetValue(_restart));
        string weights = Path.Combine(work, "initial.safetensors");
        TrainingRun run;
        try
        {
            using (FileStream file = File.Create(weights)) RandomWeights.Write(file, vit, settings.Seed);
            using SafetensorsFile initial = SafetensorsFile.Open(weights);
            TrainingTask task = new(
                vit, initial, work, $"seed {settings.Seed.ToString(CultureInfo.InvariantCulture)}, {vit.Name}", dataset, parts, recipe, settings,
                ProviderChoice.Make(ExecutionProvider.Cpu, device: null, _ => { }).Provider, parsed.GetValue(_threads), _training.CacheBytes(parsed));
            error.WriteLine(dataset.Description);
            error.WriteLine($"{task.Parts.Counts}; {vit.Name}, {vit.ParameterCount.ToString("N0", CultureInfo.InvariantCulture)} parameters");
            run = TrainingRun.Of(task, folder, "--restart begins anew", error, cancellation);
        }
        finally
        {
            // They follow from the seed.
            File.Delete(weights);
        }
        OutputFile.Write(path, FileKind.Safetensors, stream => TimmCheckpoint.Write(stream, vit, run.Parameters.ToDictionary(p => p.Name, p => p.Values), parsed.GetValue(_half)));
        folder.Clear();
        output.WriteLine($"{path}: {vit.Name}, {vit.ParameterCount.ToString("N0", CultureInfo.InvariantCulture)} parameters, epoch {run.History.Best!.Epoch} of {run.History.Epochs.Count} was best; {run.Seconds:F0} s");
        output.WriteLine(run.Result.Test.Samples == 0 ? TrainingRun.NothingMeasured
            : string.Create(CultureInfo.InvariantCulture, $"on {run.Result.Test.Samples} test samples: AUC {run.Result.Test.Auc:F4}, accuracy {run.Result.Test.Accuracy:P1}"));
        if (dataset.Notice is { } notice) output.WriteLine(notice);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"next: adapter-packer base import {(path.Contains(' ') ? $"\"{path}\"" : path)} --heads {vit.Heads} --out base"));
        return ToolProgram.Done;
    }

    private VitArchitecture Architecture(ParseResult parsed)
    {
        int image = parsed.GetValue(_imageSize), patch = parsed.GetValue(_patchSize), dim = parsed.GetValue(_dim), heads = parsed.GetValue(_heads);
        if (image % patch != 0) throw UsageException.Options($"--image-size: found {image}, expected a multiple of --patch-size, {patch}.");
        if (dim % heads != 0) throw UsageException.Options($"--dim: found {dim}, expected a multiple of --heads, {heads}.");
        // Far above what anybody trains on a workstation; more would fail for want of memory in the middle.
        const int MostImage = 1024, MostDim = 2048, MostDepth = 48, MostMlp = 8 * MostDim;
        int depth = parsed.GetValue(_depth), mlp = parsed.GetValue(_mlp) ?? 4 * dim;
        foreach ((Option option, int found, int most) in ((Option, int, int)[])[(_imageSize, image, MostImage), (_dim, dim, MostDim), (_depth, depth, MostDepth), (_mlp, mlp, MostMlp)])
            if (found > most) throw UsageException.Options($"{option.Name}: found {found}, expected at most {most}.");
        return new VitArchitecture { ImageSize = image, PatchSize = patch, Dim = dim, Depth = depth, Heads = heads, MlpDim = mlp };
    }

    private static Option<int> Size(string name, string description, int value) => new(name) { Description = description, DefaultValueFactory = _ => value, HelpName = "N", CustomParser = NumberOption.Whole };
}
