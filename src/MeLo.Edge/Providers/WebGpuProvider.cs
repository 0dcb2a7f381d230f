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

    // The runtime keeps buffers of these sizes only (its buffer cache's mode "bucket", the default); larger ones are as long as asked for.
    private static readonly long[] s_buckets =
    [
        64, 128, 256, 512, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152, 4194304, 8388608, 12582912, 16777216,
        26214400, 33554432, 44236800, 58982400, 67108864, 134217728, 167772160,
    ];

    private readonly Lazy<GpuSearch> _search = new(() => OperatingSystem.IsWindows() ? DxgiAdapters.Find() : VulkanDevices.Find());

    public override string Name => "webgpu";

    public override string Memory => "WebGPU_Buffer";

    public override bool SharesConstants => true;

    // Its buffer cache keeps a buffer that got no memory, and hands it out again (docs/decisions/0012-device-faults.md).
    public override bool IsSpoiledByLackOfMemory => true;

    public override string? Device => _search.Value.Fastest?.Title;

    // A rasteriser is there on machines that have never had a GPU, and slower than the processor's own kernels by two orders of magnitude.
    public override string? Drawback => _search.Value.IsSoftware ? $"found a software device only ({Device}), expected a GPU, or {Name} asked for by name" : null;

    protected override string? Obstacle() => NotBuiltIn("WebGpuExecutionProvider") ?? _search.Value.Fault;

    public override long AllocatedBytes(long bytes)
    {
        int bucket = Array.FindIndex(s_buckets, size => size >= bytes);
        return bucket >= 0 ? s_buckets[bucket] : bytes;
    }

    protected override void Append(OrtSessionOptions options) => options.OneAtATime(s_turn).WithProvider("WebGPU");

    protected override string Explain(OrtException error) => error.Message.Contains("No supported adapters", StringComparison.Ordinal)
        ? $"found {_search.Value.Names}, expected a driver with all features that WebGPU needs, which a newer one may have ({error.Message})"
        : $"found {_search.Value.Names}, expected a device that ONNX Runtime takes ({error.Message})";
}
