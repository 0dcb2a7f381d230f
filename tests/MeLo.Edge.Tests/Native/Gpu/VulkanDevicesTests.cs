using MeLo.Edge.Native.Gpu;

namespace MeLo.Edge.Tests.Native.Gpu;

public sealed class VulkanDevicesTests
{
    [Fact]
    public void WithoutALoader_TheFaultNamesIt_AndThePackageThatHasIt()
    {
        GpuSearch search = VulkanDevices.Find("libvulkan-of-nobody.so.1");
        Assert.Empty(search.Devices);
        Assert.Equal("found no libvulkan-of-nobody.so.1, expected the Vulkan loader (Debian's libvulkan1, RHEL's vulkan-loader) and the driver of a GPU", search.Fault);
    }

    [Fact]
    public void ALibraryThatIsNotTheLoader_IsSaidToBeOne()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "loads a library of Linux");
        Assert.Contains("without Vulkan's functions", VulkanDevices.Find("libm.so.6").Fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llvmpipe (LLVM 15.0.6, 256 bits)", GpuKind.Software, "llvmpipe (LLVM 15.0.6, 256 bits) (Mesa's software driver lavapipe, no GPU)")]
    [InlineData("SwiftShader Device (LLVM 10.0.0)", GpuKind.Software, "SwiftShader Device (LLVM 10.0.0) (the software driver SwiftShader, no GPU)")]
    [InlineData("Microsoft Basic Render Driver", GpuKind.Software, "Microsoft Basic Render Driver (Windows' software driver, no GPU)")]
    [InlineData("Another", GpuKind.Software, "Another (a software driver, no GPU)")]
    [InlineData("NVIDIA H200", GpuKind.Discrete, "NVIDIA H200")]
    public void ASoftwareDevice_IsSaidToBeOne_ByItsName(string name, object kind, string title) => Assert.Equal(title, new GpuDevice(name, (GpuKind)kind).Title);

    [Fact]
    public void TheFastestDevice_IsACardBeforeAPartOfTheProcessorBeforeAProgram()
    {
        GpuDevice card = new("card", GpuKind.Discrete), part = new("part", GpuKind.Integrated), program = new("program", GpuKind.Software);
        Assert.Equal(card, new GpuSearch([program, part, card]).Fastest);
        Assert.Equal(part, new GpuSearch([program, part]).Fastest);
        Assert.Equal((program, true), (new GpuSearch([program]).Fastest, new GpuSearch([program]).IsSoftware));
        Assert.False(new GpuSearch([program, part]).IsSoftware);
        Assert.Equal((null, false), (new GpuSearch([]).Fastest, new GpuSearch([]).IsSoftware));
    }
}
