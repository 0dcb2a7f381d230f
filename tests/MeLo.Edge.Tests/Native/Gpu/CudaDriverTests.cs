using System.Runtime.InteropServices;
using MeLo.Edge.Native.Gpu;

namespace MeLo.Edge.Tests.Native.Gpu;

/// <summary>Against libraries that the loader really loads, with the driver's functions in them.</summary>
public sealed class CudaDriverTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CudaDriverTests() => Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "the code is for x64 Linux");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void NoLibrary_IsNoDriver() => Assert.Null(CudaDriver.Find("libcuda-of-nobody.so.1"));

    [Fact]
    public void ADriver_SaysItsVersionAndItsDevices()
    {
        CudaDriver driver = Find(HandMadeElf.CudaDriver(version: 13020, devices: 2));
        Assert.Equal((13020, null), (driver.Version, driver.Fault));
        Assert.Equal(["Fake", "Fake"], driver.Devices);
    }

    [Fact]
    public void ADriverThatFindsNoDevice_SaysWhichErrorItIs()
    {
        CudaDriver driver = Find(HandMadeElf.CudaDriver(version: 12040, devices: 1, initialised: 100));
        Assert.Equal(12040, driver.Version);
        Assert.Empty(driver.Devices);
        Assert.Equal("found NVIDIA's driver, whose cuInit says CUDA_ERROR_NO_DEVICE, expected a device that this user and this service may use", driver.Fault);
        Assert.Contains("no device of it", Find(HandMadeElf.CudaDriver(version: 13000, devices: 0)).Fault, StringComparison.Ordinal);
    }

    [Fact]
    public void ALibraryWithoutTheDriversFunctions_IsSaidToBeOne() =>
        Assert.Contains("without the driver's functions", Find(HandMadeElf.Of(functions: [("cuInit", HandMadeElf.Returns(0))])).Fault, StringComparison.Ordinal);

    private CudaDriver Find(byte[] library)
    {
        // A name of its own for each: the loader knows a file again.
        string path = _folder[$"libcuda-{Guid.NewGuid():N}.so.1"];
        File.WriteAllBytes(path, library);
        return CudaDriver.Find(path)!;
    }
}
