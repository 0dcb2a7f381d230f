namespace MeLo.Edge.Engine;

/// <summary>Where the graph runs.</summary>
public enum ExecutionProvider
{
    /// <summary>The host's processor cores.</summary>
    Cpu,
}
