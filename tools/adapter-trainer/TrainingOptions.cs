using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using MeLo.Edge.Adapters;
using MeLo.Edge.Dicom;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Tools;
using MeLo.Edge.Training;
using MeLo.Edge.Training.Data;
using MeLo.Edge.Volumes;

namespace AdapterTrainer;

/// <summary>The options that every command which trains has: the data, and how it is learnt.</summary>
internal sealed class TrainingOptions
{
    // As long as an array may be.
    private const int MostMegabytes = 2047;

    private static readonly Dictionary<string, Func<Augmentation, Augmentation>> s_augmentations = new(StringComparer.Ordinal)
    {
        ["flip"] = a => a with { FlipHorizontal = true },
        ["vflip"] = a => a with { FlipVertical = true },
        ["rotate"] = a => a with { MaxRotationDegrees = Augmentation.Default.MaxRotationDegrees },
        ["crop"] = a => a with { MinCrop = Augmentation.Default.MinCrop },
        ["intensity"] = a => a with { Brightness = Augmentation.Default.Brightness, Contrast = Augmentation.Default.Contrast, Gamma = Augmentation.Default.Gamma },
    };

    private readonly Option<string> _data = new("--data") { Description = "A folder with a folder of pictures for each class (perhaps below train, val and test), a .csv file with paths and labels, or a MedMNIST .npz file. With --slices the files are volumes: NIfTI, NumPy, DICOM of several frames, or a folder a DICOM series.", Required = true, HelpName = "FOLDER_OR_FILE" };
    private readonly Option<string?> _labels = new("--labels") { Description = "The classes in the order of the logits, separated by commas. Default: those that are found, in alphabetical order.", HelpName = "a,b,c" };
    private readonly Option<string?> _pathColumn = new("--path-column") { Description = "The CSV's column of paths. Default: path, file, filename or image.", HelpName = "NAME" };
    private readonly Option<string?> _labelColumns = new("--label-column") { Description = "The CSV's column of labels, or several with commas, each 0 or 1. Default: label, labels, class or target.", HelpName = "NAME" };
    private readonly Option<string?> _splitColumn = new("--split-column") { Description = "The CSV's column of train, val or test. Default: split or part.", HelpName = "NAME" };
    private readonly Option<string?> _patientColumn = new("--patient-column") { Description = "The CSV's column that tells patients apart, whose pictures are kept together. Default: patient or patient_id.", HelpName = "NAME" };
    private readonly Option<int?> _slices = new("--slices") { Description = "How many slices of a volume are looked at along each axis; it makes volumes of files. Default: files are pictures, and of a .npz file's volumes all slices are looked at.", HelpName = "N", CustomParser = result => NumberOption.WholeUpTo(VolumeRecipe.MaxSlices)(result) };
    private readonly Option<string> _axes = new Option<string>("--axes") { Description = "Along which axes a volume is cut.", DefaultValueFactory = _ => "axial", HelpName = "axial|coronal|sagittal|all" }.AcceptOnlyFromAmong("axial", "coronal", "sagittal", "all");
    private readonly Option<DicomVoi?> _dicom = DicomOption.Create("It goes into the bundle. Default: DICOM files are refused.");
    private readonly Option<bool> _ignorePatients = new("--ignore-dicom-patients") { Description = "Deal out DICOM files one by one. Default: those of one Patient ID (0010,0020) go to one part. For files whose IDs were all replaced by the same." };
    private readonly Option<int> _maxFile = new("--max-file-megabytes") { Description = "The largest file, or series, that is read. A device has a limit of its own.", DefaultValueFactory = _ => (int)(DecodeLimits.Default.MaxFileBytes >> 20), HelpName = "N", CustomParser = NumberOption.WholeUpTo(MostMegabytes) };
    private readonly Option<double> _validation = Number("--validation-share", "The share of samples that choices are made by, where the data does not say.", 0.15);
    private readonly Option<double> _test = Number("--test-share", "The share of samples that the figures come from, where the data does not say; 0 for none, and no figures.", 0.15);

    private readonly Option<int> _rank = Whole("--rank", "The adapters' rank.", s_defaults.Rank);
    private readonly Option<double> _alpha = Number("--alpha", "The adapters' alpha: what A·B is multiplied by is alpha over rank.", s_defaults.Alpha);
    private readonly Option<string> _targets = new("--targets") { Description = "The linears of every block that get an adapter.", DefaultValueFactory = _ => "query,value", HelpName = "a,b" };
    private readonly Option<int> _epochs = Whole("--epochs", "The most passes over the training samples.", s_defaults.Epochs, TrainingSettings.MostEpochs);
    private readonly Option<int> _batch = Whole("--batch", "Samples between two changes of the parameters.", s_defaults.Batch, TrainingSettings.MostBatch);
    private readonly Option<int> _microBatch = Whole("--micro-batch", "Samples at work at once, in parts of about eight pictures side by side: fewer need less memory.", s_defaults.MicroBatch, TrainingSettings.MostBatch);
    private readonly Option<double?> _learningRate = new("--learning-rate") { HelpName = "RATE", CustomParser = NumberOption.OptionalPositive };
    private readonly Option<double> _warmup = Number("--warmup", "Epochs over which the learning rate rises.", s_defaults.WarmupEpochs);
    private readonly Option<double> _average = Number("--average", "Epochs of steps over which the parameters are averaged; 0 keeps them as the last step left them.", s_defaults.AveragingEpochs);
    private readonly Option<double> _weightDecay = Number("--weight-decay", "AdamW's decay of matrices; 0 is Adam.", s_defaults.WeightDecay);
    private readonly Option<double> _labelSmoothing = Number("--label-smoothing", "The share of a target that goes to all classes alike.", s_defaults.LabelSmoothing);
    private readonly Option<bool> _balance = new("--balance") { Description = "Rare classes count more, so that every class has the same weight in sum." };
    private readonly Option<string> _augment = new("--augment") { Description = "How pictures are varied: default (flip,rotate,crop,intensity), none, or some of flip, vflip, rotate, crop, intensity.", DefaultValueFactory = _ => "default", HelpName = "default|none|a,b" };
    private readonly Option<int> _patience = new("--patience") { Description = "Epochs without better answers to the validation samples (a higher AUC, or the same with a lower loss) after which training ends; 0 for never.", DefaultValueFactory = _ => s_defaults.Patience, HelpName = "N", CustomParser = NumberOption.Count };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Where every random choice begins: the same seed gives the same bits on one machine.", DefaultValueFactory = _ => s_defaults.Seed, HelpName = "N", CustomParser = NumberOption.Seed };
    private readonly Option<int> _cache = Whole("--cache", "The most megabytes of prepared pictures that are kept in memory.", (int)(TrainingTask.DefaultCacheBytes >> 20));

    private static readonly TrainingSettings s_defaults = new();

    private readonly double? _defaultRate;

    /// <param name="command">The command that gets them.</param>
    /// <param name="adapters">Whether it trains adapters.</param>
    /// <param name="learningRate">The learning rate where none is given; null for that of the mode.</param>
    public TrainingOptions(Command command, bool adapters = true, double? learningRate = null)
    {
        _defaultRate = learningRate;
        _learningRate.Description = $"The highest learning rate. Default: {(learningRate is { } rate ? rate.ToString("0.###e-0", CultureInfo.InvariantCulture) : "5e-3 for adapters, 1e-4 for whole models, 1e-2 for heads")}.";
        _augment.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } text && AugmentationOf(text) is null)
                result.AddError($"--augment: found '{text}', expected default, none, or some of {string.Join(", ", s_augmentations.Keys)}, separated by commas.");
        });
        _targets.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } text && TargetsOf(text) is null)
                result.AddError($"--targets: found '{text}', expected each of {string.Join(", ", VitLinears.All.Select(l => l.Name()))} at most once, separated by commas.");
        });
        command.Add(_data);
        foreach (Option option in (Option[])[_labels, _pathColumn, _labelColumns, _splitColumn, _patientColumn, _slices, _axes, _dicom, _ignorePatients, _maxFile, _validation, _test]) command.Add(option);
        if (adapters)
            foreach (Option option in AdapterOptions) command.Add(option);
        foreach (Option option in (Option[])[_epochs, _batch, _microBatch, _learningRate, _warmup, _average, _weightDecay, _labelSmoothing, _balance, _augment, _patience, _seed, _cache]) command.Add(option);
    }

    /// <summary>The options that are about adapters alone.</summary>
    public IReadOnlyList<Option> AdapterOptions => [_rank, _alpha, _targets];

    /// <summary>Opens the data.</summary>
    /// <exception cref="DatasetException">It is not there, or has faults.</exception>
    public Dataset Open(ParseResult parsed)
    {
        Dataset dataset = Dataset.Open(parsed.GetRequiredValue(_data), new DatasetOptions
        {
            Labels = List(parsed.GetValue(_labels)),
            PathColumn = parsed.GetValue(_pathColumn),
            LabelColumns = List(parsed.GetValue(_labelColumns)),
            SplitColumn = parsed.GetValue(_splitColumn),
            PatientColumn = parsed.GetValue(_patientColumn),
            Slices = parsed.GetValue(_slices),
            Dicom = parsed.GetValue(_dicom),
            Limits = DecodeLimits.Default with { MaxFileBytes = (long)parsed.GetValue(_maxFile) << 20 },
            DicomPatients = !parsed.GetValue(_ignorePatients),
            Axes = Enum.Parse<VolumeAxes>(parsed.GetRequiredValue(_axes), ignoreCase: true),
        });
        bool asksForSlices = parsed.GetValue(_slices) is not null || parsed.GetResult(_axes) is { Implicit: false };
        return dataset.Volume is null && asksForSlices ? throw RefusedException.File(dataset.Source, "found pictures, expected volumes for --slices and --axes; --slices makes volumes of files") : dataset;
    }

    /// <summary>What its samples are for; warns of pictures that are for more than one thing.</summary>
    public Splits Split(ParseResult parsed, Dataset dataset, ulong seed, TextWriter error)
    {
        Splits splits = Splits.Of(dataset, Shares(parsed) with { Seed = seed });
        if (dataset.Samples[0].Patient is not null) error.WriteLine($"patients, each in one part: {dataset.Patients}");
        if (splits.Shared(dataset) is { Count: > 0 } shared)
            Warn($"found {shared.Count} samples in more than one part, the first as {string.Join(" and ", shared[0].Take(2).Select(name => $"'{name}'"))}: what was learnt is tested on itself, and the figures are better than the task");
        if (dataset.Stacks is { Pictures: > 0 } stacks)
            Warn($"found {stacks.Pictures} pictures that are slices of {stacks.Series} series: each is learnt from and tested as a picture of its own; with --slices, a folder with the slices of a series is one volume");
        if (dataset.Contradictions() is { Count: > 0 } contradictions)
            Warn($"found {contradictions.Count} samples that are there several times and not labelled alike, the first as {string.Join(" and ", contradictions[0].Take(2).Select(name => $"'{name}'"))}: one label is wrong");
        if (dataset.Labels.GroupBy(l => l, StringComparer.OrdinalIgnoreCase).FirstOrDefault(l => l.Count() > 1) is { } alike)
            Warn($"found the labels {string.Join(" and ", alike.Select(l => $"'{l}'"))}, which differ in case alone: they are different classes");
        if (splits.Undefined(dataset) is { Count: > 0 } undefined)
            Warn($"found {string.Join(", ", undefined)}: figures of it are not defined, and means leave it out");
        return splits;

        void Warn(string text) => error.WriteLine(TerminalText.OneLine($"warning: {text}"));
    }

    /// <summary>Where the parts come from, in words.</summary>
    public string PartsText(ParseResult parsed, Dataset dataset) =>
        dataset.Samples.All(s => s.Part is not null) && Enum.GetValues<DatasetPart>().All(part => dataset.Samples.Any(s => s.Part == part))
            ? "as the data says"
            : string.Create(CultureInfo.InvariantCulture, $"dealt out by the seed, where the data does not say: {parsed.GetValue(_validation)} to choose by, {parsed.GetValue(_test)} to test on");

    /// <summary>How it is learnt.</summary>
    /// <exception cref="UsageException">Settings do not go together.</exception>
    public TrainingSettings Settings(ParseResult parsed, TrainingMode mode, ulong? seed = null)
    {
        TrainingSettings settings = new()
        {
            Mode = mode,
            Epochs = parsed.GetValue(_epochs),
            Batch = parsed.GetValue(_batch),
            MicroBatch = Math.Min(parsed.GetValue(_microBatch), parsed.GetValue(_batch)),
            LearningRate = parsed.GetValue(_learningRate) ?? _defaultRate,
            WarmupEpochs = parsed.GetValue(_warmup),
            AveragingEpochs = parsed.GetValue(_average),
            WeightDecay = parsed.GetValue(_weightDecay),
            LabelSmoothing = parsed.GetValue(_labelSmoothing),
            BalanceClasses = parsed.GetValue(_balance),
            // A head learns from features that are worked out once, of the pictures as they are.
            Augmentation = mode == TrainingMode.Head ? Augmentation.None : AugmentationOf(parsed.GetRequiredValue(_augment))!,
            Patience = parsed.GetValue(_patience),
            Seed = seed ?? Seed(parsed),
        };
        if (mode != TrainingMode.Full || parsed.CommandResult.Command.Options.Contains(_rank))
            settings = settings with { Rank = parsed.GetValue(_rank), Alpha = parsed.GetValue(_alpha), Targets = TargetsOf(parsed.GetRequiredValue(_targets))! };
        string[] faults = [.. settings.Faults(), .. Shares(parsed).Faults()];
        return faults.Length == 0 ? settings : throw UsageException.Options(string.Join("; ", faults) + ".");
    }

    /// <summary>Whether variations of the pictures were asked for.</summary>
    public bool IsVaried(CommandResult result) => result.GetResult(_augment) is { Implicit: false, Tokens: [{ Value: not "none" }] };

    private SplitOptions Shares(ParseResult parsed) => new() { Validation = parsed.GetValue(_validation), Test = parsed.GetValue(_test) };

    /// <summary>Where every random choice begins.</summary>
    public ulong Seed(ParseResult parsed) => parsed.GetValue(_seed);

    /// <summary>The most memory of prepared pictures, in bytes.</summary>
    public long CacheBytes(ParseResult parsed) => (long)parsed.GetValue(_cache) << 20;

    private static Augmentation? AugmentationOf(string text)
    {
        if (text == "default") return Augmentation.Default;
        Augmentation augmentation = Augmentation.None;
        if (text == "none") return augmentation;
        foreach (string name in List(text))
        {
            if (!s_augmentations.TryGetValue(name, out Func<Augmentation, Augmentation>? add)) return null;
            augmentation = add(augmentation);
        }
        return augmentation;
    }

    private static VitLinear[]? TargetsOf(string text)
    {
        List<VitLinear> linears = [];
        foreach (string name in List(text))
        {
            if (!VitLinears.TryParse(name, out VitLinear linear) || linears.Contains(linear)) return null;
            linears.Add(linear);
        }
        return linears.Count > 0 ? [.. linears.Order()] : null;
    }

    private static string[] List(string? text) => text is null ? [] : text.Split(',', StringSplitOptions.TrimEntries);

    private static Option<int> Whole(string name, string description, int value, int most = int.MaxValue) => new(name) { Description = description, DefaultValueFactory = _ => value, HelpName = "N", CustomParser = NumberOption.WholeUpTo(most) };

    private static Option<double> Number(string name, string description, double value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value, HelpName = value.ToString("G", CultureInfo.InvariantCulture), CustomParser = NumberOption.NotNegative };
}
