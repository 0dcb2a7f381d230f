using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;
using MeLo.Edge.Service.Hosting;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Telemetry;

namespace MeLo.Edge.Service.Http;

/// <summary>What <c>GET /api/status</c> answers: <c>melo.status/1</c>. Counts, digests and times; no name of any input.</summary>
internal static class StatusDocument
{
    public static object Of(DeviceState state, Conditions conditions, ServiceMetrics metrics)
    {
        Device? device = state.Device;
        InboxScan scan = state.Scan;
        return new
        {
            schema = "melo.status/1",
            version = typeof(StatusDocument).Assembly.GetName().Version?.ToString(3),
            ready = state.IsReady,
            hindered = conditions.Current,
            model = device is null ? null : new
            {
                @base = device.Engine.Base.Digest,
                architecture = device.Engine.Base.Architecture.Name,
                precision = Lower(device.Engine.Precision),
                provider = device.Engine.Provider.Name(),
                providerReason = device.Engine.ProviderReason,
                nodesOnHost = device.Engine.NodesOnHost,
            },
            tasks = device?.Tasks.All.Select(Task),
            switches = device is null ? null : new
            {
                cold = Milliseconds(device.Engine.Statistics.ColdSwitchMilliseconds),
                warm = Microseconds(device.Engine.Statistics.WarmSwitchMicroseconds),
                cachedTasks = device.Engine.Statistics.CachedTasks,
                cacheBytes = device.Engine.Statistics.CacheBytes,
            },
            inference = device is null ? null : Milliseconds(device.Engine.Statistics.InferenceMilliseconds),
            queue = device is null ? null : Queue(device),
            inbox = new
            {
                files = scan.Files,
                settling = scan.Settling,
                deferred = scan.Deferred,
                withoutTask = scan.WithoutTask,
                heldBack = scan.HeldBack,
                heldByDisk = scan.HeldByDisk,
                unusable = scan.Unusable,
            },
            sinceStart = new
            {
                results = metrics.Results,
                duplicates = metrics.Duplicates,
                quarantined = metrics.Quarantined,
                refusedBundles = metrics.Refused,
            },
            disk = device is null ? null : Disk(device),
        };
    }

    private static object Queue(Device device)
    {
        IReadOnlyDictionary<(string Task, Priority Priority), int> lengths = device.Schedule.Lengths;
        return new
        {
            queued = lengths.Values.Sum(),
            stat = lengths.Where(q => q.Key.Priority == Priority.Stat).Sum(q => q.Value),
            inWork = device.Inbox.InWork,
            byTask = lengths.GroupBy(q => q.Key.Task).ToDictionary(g => g.Key, g => g.Sum(q => q.Value)),
        };
    }

    private static object Task(InstalledTask task) => new
    {
        task = task.Task,
        release = task.Release,
        title = task.Description.Title,
        labels = task.Description.Head.Labels,
        bundle = task.BundleDigest,
        precision = Lower(task.Precision),
        activatedAt = JobJournal.Timestamp(task.InstalledAt),
        expires = task.Description.Expires,
        probeDifference = task.ProbeDifference,
    };

    private static object Milliseconds(LatencySummary times) => new { count = times.Count, p50Ms = Round(times.P50), p99Ms = Round(times.P99), maxMs = Round(times.Max) };

    private static object Microseconds(LatencySummary times) => new { count = times.Count, p50Us = Round(times.P50), p99Us = Round(times.P99), maxUs = Round(times.Max) };

    private static object? Disk(Device device)
    {
        try { return new { freeBytes = device.Disk.FreeBytes }; }
        catch (IOException) { return null; }
    }

    private static double Round(double value) => Math.Round(value, 3);

    private static string Lower<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
