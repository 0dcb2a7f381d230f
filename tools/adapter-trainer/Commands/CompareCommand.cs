using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json.Nodes;
using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Data;

namespace AdapterTrainer.Commands;

/// <summary><c>compare</c>: the same task by adapters, by the whole model and by a head alone: MeLo's own comparison (arXiv 2311.08236, tables 1 and 2).</summary>
internal sealed class CompareCommand : ToolCommand
{
    private const int MostSeeds = 1000;

    private readonly BaseOptions _base;
    private readonly TrainingOptions _training;
    private readonly Option<string> _modes = new("--modes") { Description = "What is compared.", DefaultValueFactory = _ => "lora,full,head", HelpName = "lora,full,head" };
    private readonly Option<int> _seeds = new("--seeds") { Description = "How often each is trained: with --seed and those after it.", DefaultValueFactory = _ => 3, HelpName = "N", CustomParser = NumberOption.WholeUpTo(MostSeeds) };
    private readonly Option<string?> _tune = new("--tune") { Description = "Choose every mode's learning rate by cross-validation on the samples to train on and to choose by, from these multiples of it. Default: it is not chosen.", HelpName = "0.5,1,2" };
    private readonly Option<int> _folds = new("--folds") { Description = "How many parts --tune deals those samples into: each once tests and once chooses an epoch while the others train.", DefaultValueFactory = _ => 5, HelpName = "N", CustomParser = Folds };
    private readonly Option<string> _out = new("--out") { Description = "A folder for what has been measured: trainings that are there are not repeated, an interrupted one goes on.", Required = true, HelpName = "DIR" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object." };

    public CompareCommand()
        : base("compare", "Trains one task by adapters, by the whole model and by a head alone, and says what each is worth.")
    {
        _base = new BaseOptions(this);
        _training = new TrainingOptions(this);
        foreach (Option option in (Option[])[_modes, _seeds, _tune, _folds, _out, _json]) Add(option);
        _modes.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } text && ModesOf(text) is null) result.AddError($"--modes: found '{text}', expected each of lora, full and head at most once, separated by commas.");
        });
        _tune.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text && MultiplesOf(text) is null) result.AddError($"--tune: found '{text}', expected two or more numbers above 0, each once, separated by commas, as 0.5,1,2.");
        });
    }

    public override IReadOnlyList<string> Examples =>
    [
        "adapter-trainer compare --base base --data pneumoniamnist.npz --labels normal,pneumonia --out compare-pneumonia",
        "adapter-trainer compare --base base --data labels.csv --modes lora,head --seeds 5 --epochs 15 --out compare-chest --json",
        "adapter-trainer compare --base base --data smears --tune 0.5,1,2 --out compare-smears",
        "",
        "Figures are of the test samples, with the parameters of the epoch that was best on the validation samples: mean and standard deviation over the seeds.",
        "A head learns from the features of the pictures as they are: --augment is for the others.",
        "Storage is what a device must keep for the task: adapters and head, the whole model, or the head.",
    ];

    protected override int Run(ParseResult parsed, TextWriter output, CancellationToken cancellation)
    {
        TextWriter error = parsed.InvocationConfiguration.Error;
        string folder = Path.TrimEndingDirectorySeparator(parsed.GetRequiredValue(_out)), kept = Path.Combine(folder, "comparison.json");
        if (parsed.GetValue(_tune) is null && parsed.GetResult(_folds) is { Implicit: false }) throw UsageException.Options("--folds: found it without --tune, expected it with --tune.");
        CheckFolder(folder);
        OutputFile.CheckReplaceable(kept, FileKind.Json);
        TrainingMode[] modes = ModesOf(parsed.GetRequiredValue(_modes))!;
        using BasePackage package = _base.Open(parsed);
        Dataset dataset = _training.Open(parsed);
        ProviderChoice provider = _base.Provider(parsed);
        ulong first = _training.Seed(parsed);
        ulong[] seeds = [.. Enumerable.Range(0, parsed.GetValue(_seeds)).Select(i => unchecked(first + (ulong)i))];
        // The same for every seed: what is compared is the training.
        Splits parts = _training.Split(parsed, dataset, first, error);
        if (parts.Test.Count == 0) throw RefusedException.File(dataset.Source, "found no samples to test on, expected some: modes are compared by them (--test-share)");
        double[]? multiples = parsed.GetValue(_tune) is { } tune ? MultiplesOf(tune) : null;
        IReadOnlyList<Splits> folds = multiples is null ? [] : parts.Folds(dataset, parsed.GetValue(_folds), first);
        Dictionary<TrainingMode, IReadOnlyList<TrainingSettings>> candidates = modes.ToDictionary(
            mode => mode, mode => _training.Settings(parsed, mode, first) is var settings && multiples is not null ? RateChoice.Candidates(settings, multiples) : [settings]);
        // Before anything is trained.
        foreach (TrainingSettings candidate in candidates.Values.SelectMany(c => c))
        {
            for (int fold = 0; fold < folds.Count; fold++) ComparedRun.Check(Task(folds[fold], candidate), FolderOf(candidate, FoldName(fold)));
            foreach (ulong seed in seeds) ComparedRun.Check(Task(parts, candidate with { Seed = seed }), FolderOf(candidate, SeedName(seed)));
        }

        Dictionary<TrainingMode, RateChoice> choices = [];
        Dictionary<TrainingMode, TrainingSettings> chosen = [];
        foreach (TrainingMode mode in modes)
        {
            if (multiples is not null) choices[mode] = RateChoice.Of(candidates[mode], folds.Count, (settings, fold) => Train(folds[fold], settings, FoldName(fold)), error);
            chosen[mode] = candidates[mode].Single(c => multiples is null || c.PeakLearningRate == choices[mode].Rate);
        }
        List<ComparedRun> runs = [];
        foreach (ulong seed in seeds)
            foreach (TrainingMode mode in modes) runs.Add(Train(parts, chosen[mode] with { Seed = seed }, SeedName(seed)));
        string? tuning = multiples is null ? null : string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", multiples.Order())} times the learning rate, {folds.Count} folds");
        ComparisonReport report = new(package, dataset, provider, [.. TrainingRun.SharedIdentity(Task(parts, chosen[modes[0]])), ("tuning", tuning)], chosen, choices, runs);
        JsonObject written = report.Write(kept, error);
        if (parsed.GetValue(_json)) JsonReport.Print(output, written);
        else report.Print(output);
        return ToolProgram.Done;

        ComparedRun Train(Splits samples, TrainingSettings how, string name)
        {
            string path = FolderOf(how, name);
            error.WriteLine($"{Path.GetFileName(path)}: {samples.Counts}");
            return ComparedRun.Of(Task(samples, how), path, error, cancellation);
        }

        // With the rate where it is chosen, so that more rates, or folds, can be tried without trainings getting in each other's way.
        string FolderOf(TrainingSettings how, string name) =>
            Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{how.Mode.ToString().ToLowerInvariant()}-{(multiples is null ? "" : string.Create(CultureInfo.InvariantCulture, $"rate-{how.PeakLearningRate:G6}-"))}{name}"));

        string FoldName(int fold) => string.Create(CultureInfo.InvariantCulture, $"fold-{fold + 1}-of-{folds.Count}");

        static string SeedName(ulong seed) => seed.ToString(CultureInfo.InvariantCulture);

        TrainingTask Task(Splits samples, TrainingSettings how) => _base.Task(parsed, package, provider, dataset, samples, how, _training.CacheBytes(parsed));
    }

    private static int Folds(ArgumentResult result)
    {
        int folds = NumberOption.Whole(result);
        if (folds is > 0 and < Splits.MinFolds) result.AddError($"--folds: found {folds}, expected {Splits.MinFolds} or more: one tests, one chooses, the others train.");
        return folds;
    }

    // Among other folders, a comparison's would look like classes of a dataset.
    private static void CheckFolder(string folder)
    {
        if (File.Exists(folder)) throw RefusedException.File(folder, "found a file, expected a folder of comparisons, or nothing");
        if (!Directory.Exists(folder)) return;
        string? other = Directory.EnumerateDirectories(folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal).FirstOrDefault(name => name[0] != '.' && ModesOf(name.Split('-')[0]) is null);
        if (other is not null) throw RefusedException.File(folder, $"found the folder '{other}' in it, expected a folder of comparisons alone, or a new one");
    }

    private static TrainingMode[]? ModesOf(string text)
    {
        string[] names = text.Split(',', StringSplitOptions.TrimEntries);
        TrainingMode[] modes = [.. names.Where(n => n is "lora" or "full" or "head").Distinct().Select(n => Enum.Parse<TrainingMode>(n, ignoreCase: true))];
        return modes.Length == names.Length ? modes : null;
    }

    private static double[]? MultiplesOf(string text)
    {
        string[] numbers = text.Split(',', StringSplitOptions.TrimEntries);
        double[] multiples = [.. numbers.Select(n => double.TryParse(n, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double value) ? value : 0).Where(v => v is > 0 and < double.PositiveInfinity).Distinct()];
        return multiples.Length == numbers.Length && multiples.Length > 1 ? multiples : null;
    }
}
