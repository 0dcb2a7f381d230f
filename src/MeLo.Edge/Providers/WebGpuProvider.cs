using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Providers;

/// <summary>Any GPU with a Vulkan or Direct3D 12 driver, by WebGPU (Dawn), which is built into the runtime.</summary>
internal sealed class WebGpuProvider : Provider
{
    // Every session of a process works on one device context of the runtime's, and two that do so at once have crashed others.
    private static readonly Lock s_turn = new();

    public override string Name => "webgpu";

    public override string Memory => "WebGPU_Buffer";

    protected override void Append(OrtSessionOptions options) => options.OneAtATime(s_turn).WithProvider("WebGPU");
}
