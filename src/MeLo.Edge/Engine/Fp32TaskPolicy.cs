namespace MeLo.Edge.Engine;

/// <summary>What an engine of another precision does with a task whose bundle demands fp32.</summary>
public enum Fp32TaskPolicy
{
    /// <summary>Runs it on the base's fp32 graph, beside its own.</summary>
    Run,
    /// <summary>Refuses the bundle.</summary>
    Refuse,
}
