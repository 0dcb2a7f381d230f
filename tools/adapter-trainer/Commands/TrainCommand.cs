using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using MeLo.Edge.Adapters;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Bases;
using MeLo.Edge.Training.Data;
using MeLo.Edge.Training.Metrics;
using MeLo.Edge.Training.Reports;

namespace AdapterTrainer.Commands;

/// <summary><c>train</c>: from labelled pictures to a signed bundle.</summary>
internal sealed class TrainCommand : ToolCommand
{
    // Fewer, and one sample more or less moves the figures by percents.
    private const int FewSamples = 30;

    private static readonly string s_line = $"a text of 1 to {AdapterDescriptionReader.LongestLine} characters, not blank, without control or direction characters";

    // Of a text in the model card: a page.
    private const int LongestText = 4000;

    private readonly BaseOptions _base;
    private readonly TrainingOptions _training;
    private readonly Option<string> _task = new("--task") { Description = "The clinical question's name: a-z, 0-9, '.', '_' and '-', at most 63.", Required = true, HelpName = "NAME" };
    private readonly Option<string> _out = new("--out") { Description = "The bundle; an older bundle of that name is replaced. With --mode full a checkpoint, FILE.safetensors. The report is beside it.", Required = true, HelpName = "FILE.melo" };
    private readonly Option<string?> _key = new("--key") { Description = "The signing key.", HelpName = "KEY.pem" };
    private readonly Option<bool> _unsigned = new("--unsigned") { Description = "Leave the bundle unsigned; no device takes it before 'adapter-packer sign'." };
    private readonly Option<string> _mode = new Option<string>("--mode") { Description = "What learns: low-rank adapters and a head, the whole model, or the head alone.", DefaultValueFactory = _ => "lora", HelpName = "lora|full|head" }.AcceptOnlyFromAmong("lora", "full", "head");
    private readonly Option<int> _release = new("--release") { Description = "The task's version; it only goes up.", DefaultValueFactory = _ => 1, HelpName = "N", CustomParser = NumberOption.Whole };
    private readonly Option<string?> _title = new("--title") { Description = "A name for people. Default: the task's.", HelpName = "TEXT" };
    private readonly Option<string?> _use = new("--intended-use") { Description = "What it is for, for the model card.", HelpName = "TEXT" };
    private readonly Option<string?> _licence = new("--licence") { Description = "Under which licence it may be used, for the model card.", HelpName = "TEXT" };

    private readonly Option<string> _probe = new Option<string>("--probe")
    {
        Description = "The bundle's self-test: a validation sample, which then is in the bundle, or a made-up picture.", DefaultValueFactory = _ => "validation", HelpName = "validation|generated",
    }.AcceptOnlyFromAmong("validation", "generated");

    private readonly Option<bool> _restart = new("--restart") { Description = "Begin anew, although a training of that name was interrupted." };

    public TrainCommand()
        : base("train", "Trains a task on labelled pictures and packs it as a signed bundle.")
    {
        _base = new BaseOptions(this);
        _training = new TrainingOptions(this);
        foreach (Option option in (Option[])[_task, _out, _key, _unsigned, _mode, _release, _title, _use, _licence, _probe, _restart]) Add(option);
        _task.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } name && !AdapterDescription.IsTaskName(name))
                result.AddError($"--task: found '{name}', expected a lower-case letter or digit, then up to 62 of a-z, 0-9, '.', '_' and '-'.");
        });
        _title.Validators.Add(result => Check(result, AdapterDescriptionReader.IsLine, s_line));
        foreach (Option<string?> text in (Option<string?>[])[_use, _licence])
            text.Validators.Add(result => Check(result, found => found.Length <= LongestText && !found.Any(char.IsControl), $"a line of at most {LongestText} characters without control characters"));
        Validators.Add(result =>
        {
            // What is missing is said first.
            if (Options.Any(o => o.Required && result.GetResult(o) is null)) return;
            // A value that is refused cannot be asked for here.
            string mode = result.GetResult(_mode)?.Tokens is [var given] ? given.Value : "lora";
            bool full = mode == "full", signs = result.GetValue(_key) is not null, unsigned = result.GetValue(_unsigned);
            foreach (Option option in (Option[])[_release, _use, _licence, _probe])
                if (full && result.GetResult(option) is { Implicit: false }) result.AddError($"{option.Name}: found it with --mode full, which writes a checkpoint, expected it with a bundle.");
            if (mode == "head" && _training.IsVaried(result)) result.AddError("--augment: found it with --mode head, which learns from the features of pictures as they are, expected it with adapters or the whole model.");
            if (mode != "lora" && _training.AdapterOptions.FirstOrDefault(o => result.GetResult(o) is { Implicit: false }) is { } adapters)
                result.AddError($"{adapters.Name}: found it with --mode {mode}, expected it with adapters: --mode lora.");
            if (full && (signs || unsigned)) result.AddError("--mode full writes a checkpoint, which is not signed: expected neither --key nor --unsigned.");
            if (!full && signs == unsigned) result.AddError("Expected either --key or --unsigned.");
            string extension = full ? ".safetensors" : ".melo";
            if (result.GetValue(_out) is { } path && !path.EndsWith(extension, StringComparison.OrdinalIgnoreCase)) result.AddError($"--out: found '{path}', expected a name that ends in {extension}.");
        });
    }

    private static void Check(OptionResult result, Func<string, bool> fits, string expected)
    {
        if (result.GetValueOrDefault<string?>() is { Length: > 0 } text && !fits(text))
            result.AddError($"{result.Option.Name}: found {text.Length} characters{(text.Any(char.IsControl) ? ", control characters among them" : "")}, expected {expected}.");
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-trainer train --base base --data smears/ --task blood-cell --key keys/signing.key.pem --out blood-cell.melo",
        "adapter-trainer train --base base --data labels.csv --task chest --augment flip,intensity --epochs 20 --key keys/signing.key.pem --out chest.melo",
        "adapter-trainer train --base base --data pneumoniamnist.npz --labels normal,pneumonia --task pneumonia --unsigned --out pneumonia.melo",
        "adapter-trainer train --base base --data adrenalmnist3d.npz --labels normal,mass --slices 14 --axes all --task adrenal --key keys/signing.key.pem --out adrenal.melo",
        "adapter-trainer train --base base --data smears/ --task blood-cell --mode full --out blood-cell.safetensors",
        "",
        "The state is kept after every epoch in FILE.melo.training: the same command goes on from there after an interruption, with the same result as without.",
        "FILE.html beside the bundle is the report: curves, figures on the test samples, calibration, settings.",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        TextWriter error = parsed.InvocationConfiguration.Error;
        string path = parsed.GetRequiredValue(_out), reportPath = Path.ChangeExtension(path, ".html");
        TrainingMode mode = Enum.Parse<TrainingMode>(parsed.GetRequiredValue(_mode), ignoreCase: true);
        TrainingSettings settings = _training.Settings(parsed, mode);
        OutputFile.CheckReplaceable(path, mode == TrainingMode.Full ? FileKind.Safetensors : FileKind.Bundle);
        OutputFile.CheckReplaceable(reportPath, FileKind.Html);
        using SigningKey? key = parsed.GetValue(_key) is { } keyPath ? SigningKey.FromPemFile(keyPath) : null;
        using BasePackage package = _base.Open(parsed);
        Dataset dataset = _training.Open(parsed);
        CheckBeforehand(package, dataset, settings);
        ProviderChoice provider = _base.Provider(parsed);
        TrainingTask task = _base.Task(parsed, package, provider, dataset, _training.Split(parsed, dataset, settings.Seed, error), settings, _training.CacheBytes(parsed));
        error.WriteLine(dataset.Description);
        error.WriteLine(task.Parts.Counts);
        using TrainingFolder folder = TrainingFolder.Take(path + ".training", parsed.GetValue(_restart));
        TrainingRun run = TrainingRun.Of(task, folder, "--restart begins anew", error, cancellation);
        string? digest = mode == TrainingMode.Full ? WriteCheckpoint(run, path, output) : WriteBundle(parsed, run, path, key, output, error, cancellation);
        string name = parsed.GetRequiredValue(_task);
        List<(string, string)> details = [("parts", _training.PartsText(parsed, dataset)), ("made", TimeProvider.System.GetUtcNow().ToString("u", CultureInfo.InvariantCulture))];
        if (mode != TrainingMode.Full)
            details.AddRange([("release", parsed.GetValue(_release).ToString(CultureInfo.InvariantCulture)), ("self-test", parsed.GetRequiredValue(_probe)), ("signing key", key?.KeyHint ?? "none")]);
        OutputFile.Write(reportPath, FileKind.Html, HtmlReport.Write(run.Report(parsed.GetValue(_title) ?? name, name, digest, details)));
        folder.Clear();
        Print(output, run, reportPath);
        return ToolProgram.Done;
    }

    // What no bundle can hold is said before hours of training, not after them.
    private static void CheckBeforehand(BasePackage package, Dataset dataset, TrainingSettings settings)
    {
        if (settings.Mode == TrainingMode.Full) return;
        LinearId[] missing = [.. settings.Targets.Select(t => new LinearId(0, t)).Except(package.AdaptableLinears)];
        if (missing.Length > 0)
            throw RefusedException.File(package.Folder, $"found a base whose {missing[0].Linear.Name()} no adapter may change, expected one imported with --adapt all for --targets {string.Join(",", settings.Targets.Select(t => t.Name()))}");
        foreach (string label in dataset.Labels)
            if (!AdapterDescriptionReader.IsLine(label)) throw RefusedException.File(dataset.Source, $"found the label '{label}', expected {s_line}, as bundles hold them");
    }

    private string WriteBundle(ParseResult parsed, TrainingRun run, string path, SigningKey? key, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        BundleLabel label = new(
            parsed.GetRequiredValue(_task), parsed.GetValue(_release), parsed.GetValue(_title), parsed.GetValue(_use), parsed.GetValue(_licence), parsed.GetRequiredValue(_probe) == "generated");
        TrainedBundle bundle = TrainedBundle.Make(run, _base.Folder(parsed), label, key, Path.GetFileName(path), cancellation);
        OutputFile.Write(path, FileKind.Bundle, bundle.Bytes);
        output.WriteLine($"{path}: task {label.Task}, release {label.Release}, {run.Task.Dataset.Labels.Count} classes, {bundle.SizeText}");
        output.WriteLine(key is null ? "not signed: no device takes it before 'adapter-packer sign'" : $"signed with key {key.KeyHint}");
        output.WriteLine(label.GeneratedProbe ? "self-test: a made-up picture" : $"self-test: {(run.Task.Dataset.Volume is null ? "a validation sample" : "slices of a validation sample")}, whose prepared pixels are in the bundle (--probe generated takes a made-up picture)");
        foreach (string line in bundle.PrecisionLines()) output.WriteLine(line);
        foreach (PrecisionMeasurement damaging in bundle.Measured.Where(m => m.Damage is not null))
            error.WriteLine($"warning: {damaging.Precision.Name()} damages this task: {damaging.Damage}. The bundle demands fp32.");
        return bundle.Digest;
    }

    private static string? WriteCheckpoint(TrainingRun run, string path, TextWriter output)
    {
        OutputFile.Write(path, FileKind.Safetensors, stream => TimmCheckpoint.Write(stream, run.Task.Architecture, TrainedAdapter.Calibrated(run.Parameters, run.Result.Temperature), half: false));
        output.WriteLine($"{path}: {run.Task.Architecture.Name} under timm's names, with a head of {run.Task.Dataset.Labels.Count} classes; 'adapter-packer base import' makes a base of it");
        return null;
    }

    private static void Print(TextWriter output, TrainingRun run, string reportPath)
    {
        // The temperature is in what was written.
        Evaluation test = run.Result.Calibrated;
        output.WriteLine($"{run.ParameterCount.ToString("N0", CultureInfo.InvariantCulture)} of {run.ModelParameterCount.ToString("N0", CultureInfo.InvariantCulture)} parameters learnt; epoch {run.History.Best!.Epoch} of {run.History.Epochs.Count} was best; {run.Seconds:F0} s");
        if (test.Samples == 0) output.WriteLine(TrainingRun.NothingMeasured);
        else PrintFigures(output, run, test);
        output.WriteLine($"report: {reportPath}");
        // What must not be forgotten of the data, where nothing was measured too.
        if (run.Task.Dataset.Notice is { } notice) output.WriteLine(notice);
    }

    private static void PrintFigures(TextWriter output, TrainingRun run, Evaluation test)
    {
        TrainingResult result = run.Result;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"on {test.Samples} test samples: AUC {test.Auc:F4} ({test.AucInterval}), accuracy {test.Accuracy:P1} ({test.AccuracyInterval.Percent}), F1 {test.F1:F3}, ECE {test.Ece:F3} ({result.Test.Ece:F3} before temperature {result.Temperature:F2})"));
        if (result.Temperature == TemperatureScaling.Max)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"warning: the temperature is at its limit, {TemperatureScaling.Max:0}: the answers to the validation samples are hardly better than chance, or far too sure of themselves"));
        else if (test.Ece > result.Test.Ece)
            output.WriteLine("the temperature made the calibration of the test samples no better: the validation samples are few, or differ from them");
        if (Math.Min(result.Validation.Samples, test.Samples) < FewSamples)
            output.WriteLine($"warning: {result.Validation.Samples} samples to choose by and {test.Samples} to test on say little; expected {FewSamples} of each at least");
        for (int c = 0; c < run.Task.Dataset.Labels.Count; c++)
        {
            ClassEvaluation label = test.Classes[c];
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {run.Task.Dataset.Labels[c]}: AUC {label.Auc:F4} ({label.AucInterval}), from probability {label.Threshold:F3} on: sensitivity {label.Sensitivity:P1} ({label.SensitivityInterval.Percent}), specificity {label.Specificity:P1} ({label.SpecificityInterval.Percent})"));
        }
        output.WriteLine("  in brackets: 95 % confidence intervals");
    }
}
