using System.Globalization;
using MeLo.Edge.Native.OnnxRuntime;

namespace MeLo.Edge.Providers;

/// <summary>An NVIDIA GPU, by CUDA. The provider is a library of its own beside the runtime's, which needs others of NVIDIA's.</summary>
/// <param name="device">The device by its number in CUDA's order; null takes the first.</param>
/// <param name="libraries">What it needs, and where that is looked for.</param>
internal sealed class CudaProvider(int? device, CudaLibraries libraries) : Provider
{
    public CudaProvider(int? device = null)
        : this(device, new CudaLibraries(OrtLibrary.Folder, OrtLibrary.Version))
    {
    }

    public override string Name => "cuda";

    public override string Memory => "Cuda";

    public override int DeviceId => device ?? 0;

    public override string? Device => libraries.Driver is { } driver && DeviceId < driver.Devices.Count ? driver.Devices[DeviceId] : null;

    /// <summary>What the runtime is told (OrtCUDAProviderOptionsV2); what is not here stays as it is by default.</summary>
    public IReadOnlyDictionary<string, string> Settings => new Dictionary<string, string>
    {
        ["device_id"] = DeviceId.ToString(CultureInfo.InvariantCulture),
        // The weights stay for good and are allocated once: powers of two would reserve up to as much again.
        ["arena_extend_strategy"] = "kSameAsRequested",
        // One convolution, at the start of the graph. A search by measurement may end elsewhere at every start, with other bits in every answer.
        ["cudnn_conv_algo_search"] = "HEURISTIC",
        // Ten bits of mantissa in products that are said to be fp32 would be an error of 1e-3 in each, which is the tolerance of a whole model.
        ["use_tf32"] = "0",
    };

    // Its arena hands out multiples of 256 bytes.
    public override long AllocatedBytes(long bytes) => (bytes + 255) & ~255L;

    protected override string? Obstacle()
    {
        if (NotBuiltIn("CUDAExecutionProvider") is { } notBuiltIn) return notBuiltIn;
        List<string> faults = [.. libraries.Faults()];
        if (libraries.Driver is { Fault: null } driver && DeviceId >= driver.Devices.Count)
            faults.Add($"found {driver.Devices.Count} devices, expected one with the number {DeviceId}");
        return faults.Count > 0 ? string.Join("; ", faults) : null;
    }

    protected override void Append(OrtSessionOptions options) => options.WithCuda(Settings);
}
