using MeLo.Edge.Engine;
using MeLo.Edge.Imaging;
using MeLo.Edge.Models;
using MeLo.Edge.Providers;
using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Hosting;

/// <summary>One running installation: the resident model, the journal, the folders, and what connects them.</summary>
internal sealed class Device : IDisposable
{
    /// <summary>HTTP requests that decode at the same time as the inbox; more are told to come back later.</summary>
    public const int MaximumRequests = 4;

    private readonly InstanceLock _lock;

    private Device(DataFolder folder, InstanceLock instanceLock, ServiceOptions options, JobJournal journal, StableFiles stable, EdgeEngine engine,
        Conditions conditions, ServiceMetrics metrics, StallWatch watch, TimeProvider time, ILogger logger)
    {
        _lock = instanceLock;
        Folder = folder;
        Options = options;
        DeviceCosts costs = new();
        Journal = journal;
        Engine = engine;
        Schedule = new JobSchedule(options.MaxWait, options.QueueLimit, costs, time);
        Series = new SeriesCollector(folder, options, stable.Series, journal, metrics, time, logger);
        Inbox = new Inbox(
            folder.Inbox, stable.Inbox, Schedule, time, file => TakesVolumes(file.Task) ? Series.Gather(file) : Gathering.None, TakesVolumes, without: options.Routes.Count > 0 ? DicomRouter.Name : null);
        Router = new DicomRouter(folder, options, Tasks, stable.Dicom, journal, metrics, time, logger);
        Worklist = new Worklist(folder.Outbox, options.Worklist, journal, time, logger);
        HeatMapWriter heatMaps = new(folder.Outbox, engine, Tasks, journal, watch, options, logger);
        Delivery = new Delivery(folder, options, journal, Inbox, new ReportWriter(folder.Outbox, options, logger), Worklist, heatMaps, conditions, metrics, time, logger);
        JobsInWork inWork = new();
        Preparation = new Preparation(engine, Tasks, Inbox, Schedule, journal, inWork, Gate, Delivery, watch, options, time, logger);
        Pipeline = new Pipeline(Preparation, new Answering(engine, Inbox, journal, inWork, Delivery, watch, metrics, costs, time, logger), Delivery, engine.MaxBatch);
        Bundles = new BundleFolder(
            folder, engine,
            new TrustFolder(folder.Trust, stable.Trust, conditions, logger),
            new RejectedBundles(folder.Rejected, journal, metrics, time, logger),
            Tasks, journal, stable.Bundles, conditions, time, logger);
        Disk = new DiskWatermark(folder.Root, options.MinFreeBytes);
        metrics.ObserveQueue(() => Schedule.Lengths);
    }

    public DataFolder Folder { get; }

    public ServiceOptions Options { get; }

    public JobJournal Journal { get; }

    public EdgeEngine Engine { get; }

    public InstalledTasks Tasks { get; } = new();

    public DecodeGate Gate { get; } = new(MaximumRequests + 1);

    public JobSchedule Schedule { get; }

    public Inbox Inbox { get; }

    public DicomRouter Router { get; }

    public SeriesCollector Series { get; }

    /// <summary>The installed tasks that take volumes.</summary>
    public IEnumerable<string> VolumeTasks => Tasks.All.Select(t => t.Task).Where(TakesVolumes);

    public Preparation Preparation { get; }

    public Delivery Delivery { get; }

    public Worklist Worklist { get; }

    public Pipeline Pipeline { get; }

    public BundleFolder Bundles { get; }

    public DiskWatermark Disk { get; }

    /// <summary>Opens the data folder and everything in it.</summary>
    /// <exception cref="ServiceException">It cannot be used: by this process, or at all.</exception>
    public static Device Open(ServiceOptions options, Conditions conditions, ServiceMetrics metrics, StallWatch watch, TimeProvider time, ILogger logger)
    {
        DataFolder folder = new(options.Data);
        InstanceLock? instanceLock = null;
        JobJournal? journal = null;
        try
        {
            folder.Create();
            instanceLock = InstanceLock.Take(folder);
            journal = new JobJournal(folder.Journal, time);
            StableFiles stable = new(folder, options.StableInterval, options.SeriesInterval, time);
            EdgeEngine engine = LoadEngine(folder, options, time);
            return new Device(folder, instanceLock, options, journal, stable, engine, conditions, metrics, watch, time, logger);
        }
        catch (Exception e)
        {
            journal?.Dispose();
            instanceLock?.Dispose();
            if (e is SqliteException or IOException or UnauthorizedAccessException) throw ServiceException.DataFolder(folder.Root, e);
            throw;
        }
    }

    public void Dispose()
    {
        Engine.Dispose();
        Journal.Dispose();
        Schedule.Dispose();
        Gate.Dispose();
        _lock.Dispose();
    }

    private bool TakesVolumes(string task) => Tasks.Find(task)?.Description.Input.Volume is not null;

    private static EdgeEngine LoadEngine(DataFolder folder, ServiceOptions options, TimeProvider time)
    {
        try
        {
            // A library that is missing must not look like a thousand broken images later.
            RasterDecoder.Decode(DecoderCheck.Picture, DecodeLimits.Default);
        }
        catch (ImageException e)
        {
            throw ServiceException.Decoder(e);
        }
        if (!Directory.Exists(folder.Base)) throw ServiceException.NoBase(folder.Base);
        try
        {
            return EdgeEngine.Load(folder.Base, new EdgeEngineOptions
            {
                Provider = options.Provider,
                DeviceId = options.DeviceId,
                Strict = options.Strict,
                Precision = options.Precision == ServiceOptions.AutomaticPrecision ? null : Precisions.Parse(options.Precision),
                Fp32Tasks = options.Fp32Tasks,
                Threads = options.Threads,
                CacheBytes = options.CacheBytes,
                DecodeLimits = DecodeLimits.Default with { MaxFileBytes = options.MaxFileBytes },
                TimeProvider = time,
            });
        }
        catch (ProviderException e)
        {
            throw ServiceException.Provider(e);
        }
        catch (Exception e) when (e is MeLoException or IOException or UnauthorizedAccessException)
        {
            throw ServiceException.Base(folder.Base, e);
        }
    }
}
