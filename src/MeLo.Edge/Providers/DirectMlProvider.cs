using System.Globalization;
using System.Numerics;
using MeLo.Edge.Native.Gpu;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Providers;

/// <summary>Any GPU of Windows with a Direct3D 12 driver, by DirectML, which is built into the runtime's library for Windows.</summary>
/// <param name="device">The adapter by its number in Windows' order; null takes the fastest.</param>
internal sealed class DirectMlProvider(int? device) : Provider
{
    // Newer than the one in Windows itself, and found beside the program before it.
    private const string Library = "DirectML.dll";

    // One run at a time is what DirectML's sessions can; the sessions of an engine hand each other memory of the device besides.
    private static readonly Lock s_turn = new();

    private readonly Lazy<GpuSearch> _search = new(DxgiAdapters.Find);

    public override string Name => "directml";

    public override string Memory => "DML";

    public override string? Device => device is { } number ? $"adapter {number}" : _search.Value.Devices.FirstOrDefault(d => d.Kind != GpuKind.Software)?.Name;

    /// <summary>What the runtime is told (dml_provider_factory.h).</summary>
    public IReadOnlyDictionary<string, string> Settings => device is { } number
        ? new Dictionary<string, string> { ["device_id"] = number.ToString(CultureInfo.InvariantCulture) }
        : new Dictionary<string, string> { ["performance_preference"] = "high_performance", ["device_filter"] = "gpu" };

    // Its allocator keeps buffers of powers of two, of 64 KiB at least.
    public override long AllocatedBytes(long bytes) => (long)Math.Max(1UL << 16, BitOperations.RoundUpToPowerOf2((ulong)bytes));

    protected override string? Obstacle()
    {
        if (!OperatingSystem.IsWindows()) return "found a system other than Windows, expected Windows 10 or later, whose Direct3D 12 it is a part of";
        if (NotBuiltIn("DmlExecutionProvider") is { } notBuiltIn) return notBuiltIn;
        if (!File.Exists(Path.Combine(OrtLibrary.Folder, Library))) return $"found no {Library} beside ONNX Runtime's library, expected the one that the build places there";
        return _search.Value.Fault ?? (_search.Value.IsSoftware ? $"found a software adapter only ({_search.Value.Devices[0].Name}), expected a GPU with a driver for Direct3D 12" : null);
    }

    // DirectML plans its memory itself, and refuses sessions that do or that run operators beside each other (the options' default is one after the other).
    protected override void Append(OrtSessionOptions options) => options.OneAtATime(s_turn).WithoutMemoryPattern().WithProvider("DML", Settings);
}
