using System.Globalization;

namespace MeLo.Edge.Tests;

/// <summary>
/// The software device behind a driver of ours that runs out of memory, or is lost, when a test says so (<c>tests/vulkan-front</c>). It is for processes of their own:
/// those that a test starts with <see cref="Environment"/>.
/// </summary>
internal sealed class FaultyVulkanDriver : IDisposable
{
    private const string FolderVariable = "MELO_VULKAN_FAULTS";

    private readonly TemporaryFolder? _own;
    private readonly string _folder;

    private FaultyVulkanDriver(string folder, TemporaryFolder? own) => (_folder, _own) = (folder, own);

    /// <summary>The driver that this process was started with; null where it is none of these.</summary>
    public static FaultyVulkanDriver? OfThisProcess { get; } =
        System.Environment.GetEnvironmentVariable(FolderVariable) is { } folder ? new FaultyVulkanDriver(folder, own: null) : null;

    /// <summary>What a process needs in its environment to have this driver and no other.</summary>
    public (string Key, string Value)[] Environment { get; private init; } = [];

    /// <summary>The most bytes of the device's memory that can be in use; what is in use already stays. Null for no limit of ours, 0 to refuse everything.</summary>
    public long? DeviceBytes { set => Write("bytes", value); }

    /// <summary>The same for the host's memory that the device reads uploads from and writes downloads to. Only a discrete device has it.</summary>
    public long? HostBytes { set => Write("host-bytes", value); }

    /// <summary>The device is lost to who has it, for good, and no other can be had as long as this is set.</summary>
    public bool IsLost { set => Write("lost", value ? 1 : null); }

    /// <summary>Whether devices made from now on have memory of their own, as a graphics card has, instead of sharing the host's.</summary>
    public bool IsDiscrete { set => Write("discrete", value ? 1 : null); }

    /// <summary>The bytes in use, of the device's memory and of the host's.</summary>
    public (long Device, long Host) BytesInUse
    {
        get
        {
            string path = Path.Combine(_folder, "in-use");
            if (!File.Exists(path)) return (0, 0);
            long[] bytes = [.. File.ReadAllText(path).Split(' ').Select(text => long.Parse(text, CultureInfo.InvariantCulture))];
            return (bytes[0], bytes[1]);
        }
    }

    /// <summary>One that fails when this says so; skips the running test where there is no software device or no driver in front of it.</summary>
    public static FaultyVulkanDriver Create()
    {
        VulkanDriver.RequireFront();
        TemporaryFolder folder = new();
        return new FaultyVulkanDriver(folder.Root, folder) { Environment = [.. VulkanDriver.Front, (FolderVariable, folder.Root)] };
    }

    public void Dispose() => _own?.Dispose();

    // Replaced whole: the driver may read at any time.
    private void Write(string name, long? value)
    {
        string path = Path.Combine(_folder, name);
        if (value is { } number)
        {
            File.WriteAllText($"{path}.new", number.ToString(CultureInfo.InvariantCulture));
            File.Move($"{path}.new", path, overwrite: true);
        }
        else
        {
            File.Delete(path);
        }
    }
}
