using MeLo.Edge.Native.Gpu;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Providers;

/// <summary>
/// Any GPU with a Vulkan or Direct3D 12 driver, by WebGPU (Dawn), which is built into the runtime. The runtime asks for the fastest device; another cannot be named.
/// </summary>
internal sealed class WebGpuProvider : Provider
{
    // Every session of a process works on one device context of the runtime's, and two that do so at once have crashed others.
    private static readonly Lock s_turn = new();

    private readonly Lazy<GpuSearch> _search = new(() => OperatingSystem.IsWindows() ? DxgiAdapters.Find() : VulkanDevices.Find());

    public override string Name => "webgpu";

    public override string Memory => "WebGPU_Buffer";

    public override string? Device => _search.Value.Fastest?.Name;

    // A rasteriser is there on machines that have never had a GPU, and slower than the processor's own kernels by two orders of magnitude.
    public override string? Drawback => _search.Value.IsSoftware ? $"found a software device only ({Device}), expected a GPU, or {Name} asked for by name" : null;

    protected override string? Obstacle() => NotBuiltIn("WebGpuExecutionProvider") ?? _search.Value.Fault;

    protected override void Append(OrtSessionOptions options) => options.OneAtATime(s_turn).WithProvider("WebGPU");

    protected override string Explain(OrtException error) =>
        $"found {string.Join(", ", _search.Value.Devices.Select(d => d.Name))}, expected a device that ONNX Runtime takes ({error.Message})";
}
