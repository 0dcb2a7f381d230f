namespace MeLo.Edge.Native.Gpu;

/// <summary>What a graphics device is; the numbers are those of Vulkan's VkPhysicalDeviceType.</summary>
internal enum GpuKind
{
    /// <summary>The driver does not say.</summary>
    Other = 0,
    /// <summary>A part of the processor, which shares its memory.</summary>
    Integrated = 1,
    /// <summary>A card with memory of its own.</summary>
    Discrete = 2,
    /// <summary>A part of one, lent to a virtual machine.</summary>
    Virtual = 3,
    /// <summary>A program on the processor's cores that stands in for a device.</summary>
    Software = 4,
}

/// <summary>A graphics device of this machine.</summary>
/// <param name="Name">As its driver calls it.</param>
/// <param name="Kind">What it is.</param>
internal sealed record GpuDevice(string Name, GpuKind Kind)
{
    /// <summary>What messages call it: a program that stands in for a device is said to be one.</summary>
    public string Title => Kind != GpuKind.Software ? Name : $"{Name} ({Software}, no GPU)";

    private string Software => Name switch
    {
        _ when Name.StartsWith("llvmpipe", StringComparison.Ordinal) => "Mesa's software driver lavapipe",
        _ when Name.StartsWith("SwiftShader", StringComparison.Ordinal) => "the software driver SwiftShader",
        _ when Name.StartsWith("Microsoft Basic Render", StringComparison.Ordinal) => "Windows' software driver",
        _ => "a software driver",
    };
}

/// <summary>The graphics devices of this machine, in the order of their drivers.</summary>
/// <param name="Devices">They; empty where there is a fault.</param>
/// <param name="Fault">Why there is none: what was found, and what was expected; null where there is one.</param>
internal sealed record GpuSearch(IReadOnlyList<GpuDevice> Devices, string? Fault = null)
{
    /// <summary>What messages call the devices, in one text.</summary>
    public string Names => string.Join(", ", Devices.Select(d => d.Title));

    public static GpuSearch Failed(string fault) => new([], fault);

    /// <summary>Whether there are devices and none is one in more than name.</summary>
    public bool IsSoftware => Devices.Count > 0 && Devices.All(d => d.Kind == GpuKind.Software);

    /// <summary>The device that a program gets which asks for the fastest: a card before a part of the processor before a program.</summary>
    public GpuDevice? Fastest => Devices.MinBy(d => d.Kind switch { GpuKind.Discrete => 0, GpuKind.Integrated or GpuKind.Virtual => 1, GpuKind.Other => 2, _ => 3 });
}
