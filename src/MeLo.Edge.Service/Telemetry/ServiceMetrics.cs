using System.Diagnostics.Metrics;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Service.Telemetry;

/// <summary>
/// The service's instruments on the meter <c>MeLo.Edge</c>; the engine has its own there. Tags are task names and reason codes,
/// never anything of an input.
/// </summary>
internal sealed class ServiceMetrics : IDisposable
{
    private readonly Meter _meter = new("MeLo.Edge");
    private readonly Counter<long> _results;
    private readonly Counter<long> _duplicates;
    private readonly Counter<long> _quarantined;
    private readonly Counter<long> _refused;
    private long _resultCount;
    private long _duplicateCount;
    private long _quarantinedCount;
    private long _refusedCount;

    public ServiceMetrics()
    {
        _results = _meter.CreateCounter<long>("melo.service.results", "{result}", "Results committed.");
        _duplicates = _meter.CreateCounter<long>("melo.service.duplicates", "{file}", "Files whose content had its result already.");
        _quarantined = _meter.CreateCounter<long>("melo.service.quarantined", "{file}", "Files that could not be used.");
        _refused = _meter.CreateCounter<long>("melo.service.bundles.refused", "{bundle}", "Bundles that were refused.");
    }

    public long Results => Interlocked.Read(ref _resultCount);

    public long Duplicates => Interlocked.Read(ref _duplicateCount);

    public long Quarantined => Interlocked.Read(ref _quarantinedCount);

    public long Refused => Interlocked.Read(ref _refusedCount);

    /// <summary>Shows the length of the queue, by task and priority.</summary>
    public void ObserveQueue(Func<IReadOnlyDictionary<(string Task, Priority Priority), int>> lengths) => _meter.CreateObservableGauge(
        "melo.service.queue", () => lengths().Select(q => new Measurement<int>(q.Value,
            KeyValuePair.Create("task", (object?)q.Key.Task),
            KeyValuePair.Create("priority", (object?)(q.Key.Priority == Priority.Stat ? "stat" : "routine")))),
        "{file}", "Files queued.");

    public void Result(string task) => Count(_results, ref _resultCount, "task", task);

    public void Duplicate(string task) => Count(_duplicates, ref _duplicateCount, "task", task);

    public void Quarantine(string code) => Count(_quarantined, ref _quarantinedCount, "reason", code);

    public void Refuse(string code) => Count(_refused, ref _refusedCount, "reason", code);

    public void Dispose() => _meter.Dispose();

    private static void Count(Counter<long> counter, ref long count, string tag, string value)
    {
        counter.Add(1, KeyValuePair.Create(tag, (object?)value));
        Interlocked.Increment(ref count);
    }
}
