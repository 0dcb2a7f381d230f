using MeLo.Edge.Service.Bundles;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Service.Hosting;

/// <summary>Where the service stands, for whoever asks: health, status, the progress display.</summary>
internal sealed class DeviceState
{
    private volatile Device? _device;
    private volatile InboxScan _scan = new();
    private volatile bool _isReady;

    /// <summary>The running installation; null before it is open and after it has stopped.</summary>
    public Device? Device
    {
        get => _device;
        set => _device = value;
    }

    /// <summary>The latest full scan of the inboxes.</summary>
    public InboxScan Scan
    {
        get => _scan;
        set => _scan = value;
    }

    /// <summary>Whether the first look at every folder is done and work goes on: not after the model's device has refused for good, although the process has still to end.</summary>
    public bool IsReady
    {
        get => _isReady && !IsDeviceLost;
        set => _isReady = value;
    }

    /// <summary>Whether the device that the model runs on is known to be lost.</summary>
    public bool IsDeviceLost => _device?.Engine.IsDeviceLost == true;

    /// <summary>The pass over the bundles that <c>--once</c> ended with.</summary>
    public BundleScan Bundles { get; set; } = new();

    /// <summary>How the process will end.</summary>
    public ExitCode ExitCode { get; set; } = ExitCode.Done;

    /// <summary>What a start failed with, for people.</summary>
    public string? Error { get; set; }
}
