using MeLo.Edge.Engine;

namespace MeLo.Edge.Service.Options;

/// <summary>What the user asked for: read and checked once, then never changed.</summary>
internal sealed record ServiceOptions
{
    /// <summary>Room for two of the demonstration's three tasks, so that it shows cold switches as well as warm ones.</summary>
    public const long DemoCacheBytes = 2L << 20;

    /// <summary>The precision setting that takes the best one the base package holds.</summary>
    public const string AutomaticPrecision = "auto";

    /// <summary>The data folder.</summary>
    public string Data { get; init; } = "melo-data";

    /// <summary>Settle everything waiting, print a summary, end.</summary>
    public bool Once { get; init; }

    /// <summary>Prepare a demonstration data folder first.</summary>
    public bool Demo { get; init; }

    /// <summary>Whether the Windows service control manager started the process.</summary>
    public bool WindowsService { get; init; }

    /// <summary>The port on 127.0.0.1: 0 for any free one, null for no HTTP.</summary>
    public int? Port { get; init; } = 8417;

    /// <summary>Where the model runs; null takes the first that starts.</summary>
    public ExecutionProvider? Provider { get; init; }

    /// <summary>Which of the provider's devices; null leaves it to the provider.</summary>
    public int? DeviceId { get; init; }

    /// <summary>Whether a provider that would leave a part of the model to the CPU is refused.</summary>
    public bool Strict { get; init; }

    /// <summary>The graph of the base package to run: <c>auto</c> or one of its precisions.</summary>
    public string Precision { get; init; } = AutomaticPrecision;

    /// <summary>What to do with a task whose bundle demands fp32 where the graph is another.</summary>
    public Fp32TaskPolicy Fp32Tasks { get; init; } = Fp32TaskPolicy.Run;

    /// <summary>The threads that run the graph and merge a task; 0 takes one a core.</summary>
    public int Threads { get; init; }

    /// <summary>The time between two full scans of the folders when no folder event asks for one sooner.</summary>
    public TimeSpan ScanInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a file must not have changed before it is taken.</summary>
    public TimeSpan StableInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long no file of a series' folder must have changed, and none come, before the series is complete.</summary>
    public TimeSpan SeriesInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an image may wait for its task's turn before its task goes first.</summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The most images of one task that are queued in memory; the others stay in the inbox.</summary>
    public int QueueLimit { get; init; } = 256;

    /// <summary>The most bytes an input file may have.</summary>
    public long MaxFileBytes { get; init; } = 256L << 20;

    /// <summary>Free bytes on the data folder's disk below which no new image is taken.</summary>
    public long MinFreeBytes { get; init; } = 256L << 20;

    /// <summary>Where DICOM files of the inbox <c>dicom</c> go; without any there is no such inbox.</summary>
    public IReadOnlyList<DicomRoute> Routes { get; init; } = [];

    /// <summary>Whether a DICOM image's result comes as a DICOM structured report too.</summary>
    public bool DicomSr { get; init; }

    /// <summary>Whether a result comes as a FHIR bundle too.</summary>
    public bool Fhir { get; init; }

    /// <summary>Whether a task's results come as a list for spreadsheets too.</summary>
    public bool Worklist { get; init; }

    /// <summary>Whether a DICOM image's result has what the image says of patient and study.</summary>
    public bool IncludePatient { get; init; }

    /// <summary>As which files a result's heat map comes.</summary>
    public HeatMapFiles HeatMap { get; init; }

    /// <summary>Whether heat maps have a notice burnt in.</summary>
    public bool HeatMapNotice { get; init; } = true;

    /// <summary>Memory for the merged weights of recently used tasks, in bytes.</summary>
    public long CacheBytes { get; init; } = 1024L << 20;
}
