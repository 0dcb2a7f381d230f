using MeLo.Edge.Providers;

namespace MeLo.Edge.Tests.Engine;

/// <summary>Tests that need a device: one at a time, apart from the others, as a software device takes every core.</summary>
[CollectionDefinition(nameof(DeviceTests), DisableParallelization = true)]
public sealed class DeviceTests
{
    /// <summary>Skips the running test where there is no device for WebGPU.</summary>
    internal static void RequireDevice()
    {
        if (OperatingSystem.IsLinux())
        {
            VulkanDriver.Require(); // and where there is one, that it does not start is no reason to skip
            return;
        }
        try
        {
            new WebGpuProvider().Check();
        }
        catch (ProviderException e)
        {
            Assert.Skip($"needs a WebGPU device: {e.Message}");
        }
    }

    /// <summary>Skips the running test where the device for WebGPU, if there is one, does not compute with 16-bit floats.</summary>
    internal static void RequireHalf()
    {
        RequireDevice();
        VulkanDriver.RequireHalf(new WebGpuProvider().ComputesHalf);
    }
}
