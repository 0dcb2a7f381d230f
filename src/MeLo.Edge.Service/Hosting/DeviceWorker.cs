using MeLo.Edge.Engine;
using MeLo.Edge.Models;
using MeLo.Edge.Providers;
using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Options;
using MeLo.Edge.Service.Telemetry;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace MeLo.Edge.Service.Hosting;

/// <summary>
/// Runs the installation: opens it, clears up after a crash, looks at the folders again and again, and ends in order. If anything in here
/// fails, the process ends with a code that makes the service manager start it again.
/// </summary>
internal sealed class DeviceWorker(
    ServiceOptions options,
    DeviceState state,
    Conditions conditions,
    ServiceMetrics metrics,
    ServiceManagerNotifier notifier,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    IEnumerable<ILoggerProvider> logs,
    ILogger<DeviceWorker> logger) : BackgroundService
{
    /// <summary>No step of one image takes this long on any device; a scan of a network share may.</summary>
    private static readonly TimeSpan s_stallLimit = TimeSpan.FromMinutes(2);

    /// <summary>A file that is still being parsed this long after a stop was asked for is handed back unparsed.</summary>
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(20);

    /// <summary>The last results are put into lists that take no longer than this.</summary>
    private static readonly TimeSpan s_worklistLimit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan s_startPatience = TimeSpan.FromSeconds(3);

    private readonly StallWatch _watch = new(s_stallLimit, time);
    private readonly Hint _inboxHint = new();
    private readonly Hint _bundleHint = new();
    private bool _hasStarted;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Device? device = null;
        try
        {
            await HostStartedAsync(stoppingToken);
            device = Device.Open(options, conditions, metrics, _watch, time, logger);
            await RunAsync(device, stoppingToken);
        }
        catch (ServiceException e)
        {
            state.ExitCode = e.ExitCode;
            state.Error = e.Message;
        }
        catch (SqliteException e) when (StorageTrouble.IsDamage(e))
        {
            // No restart mends it: an administrator has to put a backup in its place.
            state.ExitCode = ExitCode.DataFolder;
            state.Error = ServiceException.DataFolder(options.Data, e).Message;
        }
        catch (ProviderException e) when (e.Fault == ProviderFault.DeviceLost)
        {
            EndWithoutDevice(e.Message, _hasStarted ? ExitCode.DeviceLost : ServiceException.CodeOf(e));
        }
        catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            // The one place where nothing is known about what went wrong: a fresh process starts from the journal.
            state.ExitCode = ExitCode.Failed;
            logger.WorkerFailed(Failure.Trace(e));
        }
        finally
        {
            state.IsReady = false;
            state.Device = null;
            device?.Dispose();
            lifetime.StopApplication();
        }
    }

    // Whatever is wrong with the installation is found after the host has started: a host that is stopped while it starts fails with an
    // error of its own, which would hide ours.
    private async Task HostStartedAsync(CancellationToken stoppingToken)
    {
        TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stoppingToken);
    }

    private async Task RunAsync(Device device, CancellationToken stoppingToken)
    {
        device.Bundles.Recover();
        device.Router.Recover();
        device.Series.Recover();
        int putBack = device.Delivery.Recover();
        int delivered = device.Delivery.DeliverOwed();
        device.Worklist.Recover();
        if (putBack + delivered > 0) logger.Recovered(putBack, delivered);
        EdgeEngine engine = device.Engine;
        logger.Started(device.Folder.Root, engine.Base.Digest, engine.Base.Architecture.Name, engine.Precision.Name(), engine.Provider.Name(), engine.PrecisionReason, engine.ProviderReason);
        if (engine.NodesOnHost.Count > 0) logger.NodesOnHost(engine.Provider.Name(), string.Join(", ", engine.NodesOnHost.Select(n => $"{n.Key} ({n.Value}x)")));
        await ReconcileFirstAsync(device, stoppingToken);
        state.Device = device;

        using CancellationTokenSource failed = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        using FolderWatcher inboxWatcher = new(device.Folder.Inbox, withSubfolders: true, _inboxHint.Give, logger.EventsLost);
        using FolderWatcher bundleWatcher = new(device.Folder.Bundles, withSubfolders: false, _bundleHint.Give, logger.EventsLost);
        using FolderWatcher trustWatcher = new(device.Folder.Trust, withSubfolders: false, _bundleHint.Give, logger.EventsLost);
        using CancellationTokenRegistration stopping = stoppingToken.Register(notifier.Stopping);
        Task pipeline = device.Pipeline.RunAsync(failed.Token);
        Task[] loops =
        [
            ScanInboxAsync(device, inboxWatcher, failed.Token),
            WatchBundlesAsync(device, [bundleWatcher, trustWatcher], failed.Token),
            MonitorAsync(device, failed.Token),
            WriteWorklistsAsync(device, failed.Token),
        ];
        _hasStarted = true;
        state.IsReady = true;
        notifier.Ready();

        Task first = await Task.WhenAny([pipeline, .. loops]);
        await failed.CancelAsync();
        await Task.WhenAll(loops).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (await Task.WhenAny(pipeline, Task.Delay(s_stopLimit, time, CancellationToken.None)) != pipeline)
        {
            // A stop is not the file's fault.
            if (device.Preparation.Parsing is Job parsing) device.Journal.Return(parsing);
            device.Journal.Checkpoint();
            EndNow(state.ExitCode); // nothing can be disposed of under a native call
        }
        await pipeline;
        await first; // what failed first is what is reported
        // What is left out is written at the next start.
        using (CancellationTokenSource limit = new(options.Once ? Timeout.InfiniteTimeSpan : s_worklistLimit, time)) device.Worklist.WriteChanged(limit.Token);
        device.Journal.Checkpoint();
        logger.Stopped(metrics.Results, metrics.Duplicates, metrics.Quarantined);
    }

    // Ready means that the tasks are there. A bundle that is still being copied is not waited for.
    private async Task ReconcileFirstAsync(Device device, CancellationToken stopping)
    {
        long start = time.GetTimestamp();
        TimeSpan patience = options.StableInterval + s_startPatience;
        do
        {
            device.Bundles.Reconcile();
            if (!device.Bundles.Last.IsMoving) return;
            TimeSpan pause = options.StableInterval < s_startPatience ? options.StableInterval : s_startPatience;
            await Pause(device.Bundles.SettlesIn < pause ? device.Bundles.SettlesIn : pause, stopping);
        }
        while (time.GetElapsedTime(start) < patience && !stopping.IsCancellationRequested);
    }

    private async Task ScanInboxAsync(Device device, FolderWatcher watcher, CancellationToken stopping)
    {
        OnceGoal goal = new(device, metrics, time);
        while (!stopping.IsCancellationRequested)
        {
            watcher.Watch();
            BundleScan bundles = device.Bundles.Last; // before the inbox is looked at: its tasks are then there
            long start = time.GetTimestamp();
            InboxScan scan;
            int missing;
            using (_watch.Begin())
            {
                missing = MakeMissingFolders(device);
                if (device.Inbox.InWork == 0) device.Delivery.DeliverOwed();
                bool takeNothing = CheckDisk(device);
                InboxScan routed = new();
                device.Router.Route(routed, () => CheckDisk(device)); // first: what it copies is then seen
                InboxScan series = new();
                device.Series.Collect(device.VolumeTasks, series, () => CheckDisk(device));
                scan = device.Inbox.Scan(task => device.Tasks.Find(task) is not null, takeNothing).With(routed).With(series);
            }
            state.Scan = scan;
            Report(Conditions.Inbox, scan.FoldersUnreadable + missing > 0, $"{scan.FoldersUnreadable} inbox folders cannot be listed, {missing} cannot be made");
            if (options.Once && goal.IsReached(scan, bundles))
            {
                state.ExitCode = OnceGoal.ExitCode(scan, bundles);
                state.Bundles = bundles;
                lifetime.StopApplication();
                return;
            }
            // A storm of events must not turn into a storm of scans.
            TimeSpan pause = TimeSpan.FromMilliseconds(Math.Clamp(10 * time.GetElapsedTime(start).TotalMilliseconds, 20, 2000));
            await Pause(pause, stopping);
            TimeSpan due = scan.Settling > 0 ? scan.SettlesIn : scan.Deferred > 0 ? options.StableInterval
                : scan.HeldBack > 0 || (options.Once && scan.InWork + scan.Queued > 0) ? TimeSpan.FromMilliseconds(100)
                : options.Once ? TimeSpan.FromMilliseconds(50) : options.ScanInterval;
            TimeSpan rest = (due < options.ScanInterval ? due : options.ScanInterval) - pause;
            if (rest > TimeSpan.Zero) await WaitAsync(_inboxHint, rest, stopping);
        }
    }

    // Somebody may clean up too well: a task that is installed has an inbox to drop into, or a condition that says why not.
    private static int MakeMissingFolders(Device device)
    {
        int failed = 0;
        foreach (InstalledTask task in device.Tasks.All)
        {
            try
            {
                device.Folder.CreateTask(task.Task);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                failed++;
            }
        }
        return failed;
    }

    private async Task WatchBundlesAsync(Device device, FolderWatcher[] watchers, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            await WaitAsync(_bundleHint, device.Bundles.Last.IsMoving && options.StableInterval < options.ScanInterval ? options.StableInterval : options.ScanInterval, stopping);
            await Pause(TimeSpan.FromMilliseconds(20), stopping);
            if (stopping.IsCancellationRequested) return;
            foreach (FolderWatcher watcher in watchers) watcher.Watch();
            int before = device.Tasks.All.Count;
            using (_watch.Begin()) device.Bundles.Reconcile();
            if (device.Tasks.All.Count != before) _inboxHint.Give();
        }
    }

    private async Task WriteWorklistsAsync(Device device, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            await Pause(TimeSpan.FromSeconds(1), stopping);
            device.Worklist.WriteDue(stopping);
        }
    }

    // Says that the service is alive only while it is; ends it when a native call hangs.
    private async Task MonitorAsync(Device device, CancellationToken stopping)
    {
        TimeSpan interval = notifier.WatchdogInterval is TimeSpan watchdog && watchdog < TimeSpan.FromSeconds(1) ? watchdog : TimeSpan.FromSeconds(1);
        TimeSpan sinceWatchdog = TimeSpan.MaxValue;
        while (!stopping.IsCancellationRequested)
        {
            if (_watch.IsStalled)
            {
                logger.Stalled(s_stallLimit);
                EndNow(ExitCode.Stalled);
            }
            if (device.Engine.IsDeviceLost) EndWithoutDevice("the device is lost", ExitCode.DeviceLost);
            if (notifier.WatchdogInterval is TimeSpan limit && sinceWatchdog >= limit)
            {
                notifier.Watchdog();
                sinceWatchdog = TimeSpan.Zero;
            }
            await Pause(interval, stopping);
            sinceWatchdog = sinceWatchdog == TimeSpan.MaxValue ? interval : sinceWatchdog + interval;
        }
    }

    // Nothing of the model can be freed in order where there is no device to free it on. The journal has every image that is not answered.
    private void EndWithoutDevice(string what, ExitCode code)
    {
        state.IsReady = false;
        conditions.Set(Conditions.Device, what);
        logger.DeviceLost(what);
        Console.Error.WriteLine($"error: {what}");
        EndNow(code);
    }

    // The log is written by a thread of its own, which disposing of it waits for: its last lines are those that say why the process ended.
    private void EndNow(ExitCode code)
    {
        foreach (ILoggerProvider log in logs) log.Dispose();
        HardExit.Now(code);
    }

    private bool CheckDisk(Device device)
    {
        bool low;
        try
        {
            low = device.Disk.IsLow;
        }
        catch (Exception e) when (StorageTrouble.Is(e))
        {
            low = true; // a disk that cannot be asked is no disk to write to
        }
        Report(Conditions.DiskLow, low, $"less than {options.MinFreeBytes >> 20} MiB are free on the disk of the data folder; no new image is taken");
        return low;
    }

    private void Report(string code, bool isSo, string detail)
    {
        if (isSo && conditions.Set(code, detail)) logger.Hindered(code, detail);
        else if (!isSo && conditions.Clear(code)) logger.NoLongerHindered(code);
    }

    private Task Pause(TimeSpan pause, CancellationToken stopping) => Quietly(Task.Delay(pause, time, stopping));

    private Task WaitAsync(Hint hint, TimeSpan atMost, CancellationToken stopping) => Quietly(hint.WaitAsync(atMost, time, stopping));

    // A loop ends by its own condition when it is cancelled, not by an exception.
    private static async Task Quietly(Task wait)
    {
        try { await wait; }
        catch (OperationCanceledException) { /* the loop's condition sees it */ }
    }
}
