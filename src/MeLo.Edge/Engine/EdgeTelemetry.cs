using System.Diagnostics.Metrics;

namespace MeLo.Edge.Engine;

/// <summary>
/// What an engine measures: instruments of the meter <c>MeLo.Edge</c> for a metrics exporter, and the recent values for
/// <see cref="EdgeEngine.Statistics"/>. Tags are task names and kinds, never anything about an input.
/// </summary>
internal sealed class EdgeTelemetry : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "MeLo.Edge";

    private readonly Meter _meter = new(MeterName);
    private readonly Histogram<double> _switch;
    private readonly Histogram<double> _inference;
    private readonly Histogram<double> _prepare;

    public EdgeTelemetry(Func<long> cacheBytes, Func<int> installedTasks)
    {
        _switch = _meter.CreateHistogram<double>("melo.switch.duration", "ms", "From the decision for another task until a run with its weights can start.");
        _inference = _meter.CreateHistogram<double>("melo.inference.duration", "ms", "One run of the graph.");
        _prepare = _meter.CreateHistogram<double>("melo.prepare.duration", "ms", "Decoding and preprocessing one image.");
        _meter.CreateObservableGauge("melo.cache.bytes", cacheBytes, "By", "Memory held by merged task weights.");
        _meter.CreateObservableGauge("melo.tasks.installed", installedTasks, "{task}", "Installed tasks.");
    }

    public LatencyWindow ColdSwitchMilliseconds { get; } = new();

    public LatencyWindow WarmSwitchMicroseconds { get; } = new();

    public LatencyWindow InferenceMilliseconds { get; } = new();

    /// <summary>Takes up what a prediction took.</summary>
    /// <param name="task">Its task.</param>
    /// <param name="timing">Its times.</param>
    /// <param name="isFirst">Whether it is the first image of its run, for which the run is counted.</param>
    public void Record(string task, PredictionTiming timing, bool isFirst)
    {
        KeyValuePair<string, object?> taskTag = new("task", task);
        if (isFirst)
        {
            InferenceMilliseconds.Add(timing.InferenceMilliseconds);
            _inference.Record(timing.InferenceMilliseconds, taskTag);
        }
        if (timing.DecodeMilliseconds + timing.PreprocessMilliseconds is > 0 and double prepare) _prepare.Record(prepare, taskTag);
        RecordSwitch(task, timing.Switch);
    }

    private void RecordSwitch(string task, SwitchTiming timing)
    {
        // A run for the same weights as the one before is no switch: counting it would flatter the numbers.
        if (!timing.TaskChanged) return;
        bool warm = timing.Kind == SwitchKind.Warm;
        if (warm) WarmSwitchMicroseconds.Add(timing.TotalMicroseconds);
        else ColdSwitchMilliseconds.Add(timing.TotalMicroseconds / 1000);
        _switch.Record(timing.TotalMicroseconds / 1000, new("task", task), new("kind", warm ? "warm" : "cold"));
    }

    public void Dispose() => _meter.Dispose();
}
