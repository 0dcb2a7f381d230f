using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Tests.Providers;

/// <summary>What each provider tells the runtime: the exact settings, and names that the runtime knows.</summary>
public sealed class ProviderSettingsTests
{
    [Fact]
    public void Cuda_IsToldItsDevice_ToReserveNoMore_AndToComputeInFullPrecisionByTheSameAlgorithm()
    {
        Assert.Equal(new Dictionary<string, string>
        {
            ["device_id"] = "0",
            ["arena_extend_strategy"] = "kSameAsRequested",
            ["cudnn_conv_algo_search"] = "HEURISTIC",
            ["use_tf32"] = "0",
        }, new CudaProvider().Settings);
        Assert.Equal("2", new CudaProvider(2).Settings["device_id"]);
        Assert.Equal((0, 2), (new CudaProvider().DeviceId, new CudaProvider(2).DeviceId));
    }

    [Fact]
    public void DirectMl_IsToldItsDevice_OrToTakeTheFastest()
    {
        Assert.Equal(new Dictionary<string, string> { ["performance_preference"] = "high_performance", ["device_filter"] = "gpu" }, new DirectMlProvider(null).Settings);
        Assert.Equal(new Dictionary<string, string> { ["device_id"] = "1" }, new DirectMlProvider(1).Settings);
        // Its memory has the number 0 on every adapter.
        Assert.Equal(0, new DirectMlProvider(1).DeviceId);
    }

    [Fact]
    public void TheMemoryOfEveryProvider_HasANameThatTheRuntimeKnows()
    {
        Provider[] devices = [new CudaProvider(1), new DirectMlProvider(1), new WebGpuProvider()];
        Assert.Equal(["Cuda", "DML", "WebGPU_Buffer"], devices.Select(d => d.Memory));
        foreach (Provider device in devices)
        {
            Assert.True(device.IsDevice);
            using OrtMemoryInfo memory = OrtMemoryInfo.ForDevice(device.Memory!, device.DeviceId);
            Assert.False(memory.IsInvalid);
        }
        Assert.Throws<OrtException>(() => OrtMemoryInfo.ForDevice("Nobody's"));
        Assert.False(new CpuProvider().IsDevice);
    }

    [Theory]
    [InlineData(1, 256, 65_536)]
    [InlineData(65_536, 65_536, 65_536)]
    [InlineData(65_537, 65_792, 131_072)]
    [InlineData(2_359_296, 2_359_296, 4_194_304)] // a matrix of ViT-B/16
    public void WhatATensorTakes_IsRoundedAsTheAllocatorRounds(long bytes, long cuda, long directMl)
    {
        Assert.Equal(cuda, new CudaProvider().AllocatedBytes(bytes));
        Assert.Equal(directMl, new DirectMlProvider(null).AllocatedBytes(bytes));
        Assert.Equal(bytes, new CpuProvider().AllocatedBytes(bytes));
    }

    [Fact]
    public void DirectMl_ElsewhereThanOnWindows_SaysSo()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there it may start");
        ProviderException refused = Assert.Throws<ProviderException>(new DirectMlProvider(null).Check);
        Assert.Equal((ProviderFault.Unavailable, "provider directml: found a system other than Windows, expected Windows 10 or later, whose Direct3D 12 it is a part of"), (refused.Fault, refused.Message));
    }
}
