using MeLo.Edge.Engine;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>What a change of task and an inference cost on this device, learnt from its own predictions.</summary>
/// <remarks>Safe for concurrent use. Exponentially weighted means: an old measurement fades, and the state is one number each.</remarks>
internal sealed class DeviceCosts
{
    /// <summary>The share of a new measurement: about the last dozen count, so that one slow image changes little.</summary>
    private const double Share = 0.125;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, double> _inference = new(StringComparer.Ordinal);
    private double? _cold;
    private double? _warm;
    private double? _coldShare;

    /// <summary>What the next change of task is expected to take, in milliseconds: cold or warm as often as they were; null before the first.</summary>
    public double? SwitchMilliseconds
    {
        get
        {
            lock (_lock) return _coldShare is double share ? (share * (_cold ?? 0)) + ((1 - share) * (_warm ?? 0)) : null;
        }
    }

    /// <summary>What an inference of a task is expected to take, in milliseconds; null before its first.</summary>
    public double? InferenceMilliseconds(string task)
    {
        lock (_lock) return _inference.TryGetValue(task, out double mean) ? mean : null;
    }

    /// <summary>Learns from a prediction.</summary>
    public void Record(string task, PredictionTiming timing)
    {
        lock (_lock)
        {
            _inference[task] = Mean(_inference.TryGetValue(task, out double before) ? before : null, timing.InferenceMilliseconds / timing.BatchSize);
            if (!timing.Switch.TaskChanged) return;
            double milliseconds = timing.Switch.TotalMicroseconds / 1000;
            bool isCold = timing.Switch.Kind == SwitchKind.Cold;
            if (isCold) _cold = Mean(_cold, milliseconds);
            else _warm = Mean(_warm, milliseconds);
            _coldShare = Mean(_coldShare, isCold ? 1 : 0);
        }
    }

    private static double Mean(double? before, double now) => before is double mean ? mean + (Share * (now - mean)) : now;
}
