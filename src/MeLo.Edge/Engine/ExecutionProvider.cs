namespace MeLo.Edge.Engine;

/// <summary>Where the graph runs.</summary>
public enum ExecutionProvider
{
    /// <summary>The host's processor cores.</summary>
    Cpu,
    /// <summary>Any GPU with a Vulkan (Linux) or Direct3D 12 (Windows) driver.</summary>
    WebGpu,
}
