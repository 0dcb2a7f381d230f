using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Providers;

/// <summary>The host's processor cores, which the runtime always has.</summary>
internal sealed class CpuProvider : Provider
{
    public override string Name => "cpu";

    protected override void Append(OrtSessionOptions options)
    {
    }
}
