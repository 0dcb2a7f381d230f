namespace MeLo.Edge.Engine;

/// <summary>What runs and switches cost on this device, learnt from those that were done.</summary>
internal sealed class BatchCosts
{
    private const double Share = 0.125; // of a new measurement in the mean: about the last dozen count

    private readonly Lock _lock = new();
    private double? _cold;
    private double? _stack;

    /// <summary>Runs with merged weights.</summary>
    public LinearCost Merged { get; } = new();

    /// <summary>Runs with adapters beside the weights.</summary>
    public LinearCost Mixed { get; } = new();

    /// <summary>A switch that merges, in milliseconds; 0 before the first.</summary>
    public double ColdSwitch
    {
        get
        {
            lock (_lock) return _cold ?? 0;
        }
    }

    /// <summary>Sending a mixed batch's adapters to the device, in milliseconds; 0 before the first.</summary>
    public double Stack
    {
        get
        {
            lock (_lock) return _stack ?? 0;
        }
    }

    /// <summary>Learns from a switch.</summary>
    public void RecordSwitch(SwitchTiming timing)
    {
        if (timing.Kind != SwitchKind.Cold) return;
        lock (_lock) _cold = Mean(_cold, timing.TotalMicroseconds / 1000);
    }

    /// <summary>Learns from sending adapters.</summary>
    public void RecordStack(double milliseconds)
    {
        lock (_lock) _stack = Mean(_stack, milliseconds);
    }

    private static double Mean(double? before, double now) => before is { } mean ? mean + (Share * (now - mean)) : now;
}
