namespace MeLo.Edge.Engine;

/// <summary>What an int8 engine does with a task whose bundle demands fp32.</summary>
public enum Fp32TaskPolicy
{
    /// <summary>Runs it on the base's fp32 graph, beside the int8 one.</summary>
    Run,
    /// <summary>Refuses the bundle.</summary>
    Refuse,
}
