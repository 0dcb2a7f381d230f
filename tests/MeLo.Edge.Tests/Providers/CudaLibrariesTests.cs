using System.Runtime.InteropServices;
using System.Text;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Tests.Providers;

/// <summary>What CUDA needs, looked for in folders that are made to lack it one way or another.</summary>
public sealed class CudaLibrariesTests : IDisposable
{
    private const string Version = "1.30.0", Shared = "libonnxruntime_providers_shared.so", Cuda = "libonnxruntime_providers_cuda.so";

    private readonly TemporaryFolder _folder = new();

    public CudaLibrariesTests() => Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "the libraries are for x64 Linux");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WithNothingThere_EveryPartIsNamed()
    {
        IReadOnlyList<string> faults = Faults("libcuda-of-nobody.so.1");
        Assert.Equal(
        [
            $"found no {Shared}, {Cuda} beside ONNX Runtime's library, expected those of ONNX Runtime {Version} (a build with -p:Cuda=true places them)",
            "found no libcuda-of-nobody.so.1, expected NVIDIA's driver",
        ], faults);
    }

    [Fact]
    public void WithEverythingThere_ThereIsNoFaultButCudnn()
    {
        // libm stands for libraries that can be loaded; cuDNN, which no file names, is the one that this machine does not have.
        Place(Provider(["libm.so.6"]));
        Assert.Equal("found no libcudnn.so.9 that can be loaded, expected CUDA's and cuDNN 9's on the system's library path", Assert.Single(Faults(Driver(13000))));
    }

    [Fact]
    public void EveryLibraryThatCannotBeLoaded_IsNamed_AndNoneOfTheOthers()
    {
        Place(Provider(["libcublasLt-x.so.13", "libcublas.so.13", "libcuda.so.1", "libm.so.6", Shared]));
        Assert.Equal("found no libcublasLt-x.so.13, libcublas.so.13, libcudnn.so.9 that can be loaded, expected CUDA 13's and cuDNN 9's on the system's library path", Assert.Single(Faults(Driver(13000))));
    }

    [Theory]
    [InlineData("libcudart.so.12", 11080, "found NVIDIA's driver for CUDA 11.8, expected NVIDIA's driver 525 or later for CUDA 12")]
    [InlineData("libcublas.so.13", 12090, "found NVIDIA's driver for CUDA 12.9, expected NVIDIA's driver 580 or later for CUDA 13")]
    public void ADriverThatIsTooOld_IsNamedWithTheOneThatIsNeeded(string needed, int version, string expected)
    {
        Place(Provider([needed]));
        Assert.Equal(expected, Faults(Driver(version))[0]);
    }

    [Theory]
    [InlineData("libcudart.so.12", 12000)] // the oldest minor version will do
    [InlineData("libcudart.so.12", 13010)] // and a newer major one
    public void ADriverThatIsNewEnough_IsNoFault(string needed, int version)
    {
        Place(Provider([needed]));
        Assert.DoesNotContain("driver", string.Join("; ", Faults(Driver(version))), StringComparison.Ordinal);
    }

    [Fact]
    public void WithoutADriver_TheOneThatTheProviderNeedsIsNamed()
    {
        Place(Provider(["libcudart.so.13"]));
        Assert.Equal("found no libcuda-of-nobody.so.1, expected NVIDIA's driver 580 or later", Faults("libcuda-of-nobody.so.1")[0]);
    }

    [Fact]
    public void AProviderOfAnotherVersion_IsNamedWithBothVersions()
    {
        Place(Provider(["libm.so.6"], "1.31.0"));
        Assert.Equal($"found {Cuda} of ONNX Runtime 1.31.0, expected that of {Version}", Faults(Driver(13000))[0]);
    }

    [Fact]
    public void AProvidersVersion_IsFoundWhereverItLies()
    {
        // Over the border of what is read at a time, and after other numbers that are no version.
        foreach (int distance in (int[])[0, 1, 5_000, (1 << 20) - 4200, (1 << 20) - 4103, (1 << 20) - 4090, 3_000_000])
        {
            byte[] constants = [.. "\u00001.5\u00001.2.3.4\u0000"u8, .. new byte[distance], .. "\u00001.29.1\u0000end"u8];
            Place(HandMadeElf.Of(["libm.so.6"], constants: constants));
            Assert.Equal($"found {Cuda} of ONNX Runtime 1.29.1, expected that of {Version}", Faults(Driver(13000))[0]);
            Place(HandMadeElf.Of(["libm.so.6"], constants: [.. constants, .. Encoding.ASCII.GetBytes($"\0{Version}\0")]));
            Assert.Contains("libcudnn", Assert.Single(Faults(Driver(13000))), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(0, "found a file of 0 bytes that is no library, expected one")]
    [InlineData(100, "found a damaged library (it ends at 100 bytes), expected a whole one")]
    [InlineData(3000, "found a damaged library (it ends at 3000 bytes), expected a whole one")]
    public void AProviderThatIsCutOff_IsNamedAsDamaged(int length, string expected)
    {
        Place(Provider(["libm.so.6"])[..length]);
        Assert.Equal($"{Cuda}: {expected}", Faults(Driver(13000))[0]);
    }

    [Fact]
    public void AProviderForAnotherProcessor_IsNamedWithBoth()
    {
        Place(HandMadeElf.Of(["libm.so.6"], machine: HandMadeElf.Arm64));
        Assert.Equal($"{Cuda}: found a library for Arm64, expected one for X64", Faults(Driver(13000))[0]);
    }

    [Fact]
    public void AFolderInPlaceOfTheProvider_IsFoundMissing()
    {
        Place(Provider([]));
        File.Delete(_folder[Cuda]);
        Directory.CreateDirectory(_folder[Cuda]);
        Assert.StartsWith($"found no {Cuda} beside", Faults(Driver(13000))[0], StringComparison.Ordinal);
    }

    [Fact]
    public void TheProvider_JoinsEveryFaultInOneMessage_AndNamesADeviceThatIsNotThere()
    {
        Place(Provider(["libm.so.6"], "1.31.0"));
        string driver = Driver(13000);
        ProviderException refused = Assert.Throws<ProviderException>(new CudaProvider(3, new CudaLibraries(_folder.Root, Version, driver)).Check);
        Assert.Equal(ProviderFault.Unavailable, refused.Fault);
        Assert.Equal($"provider cuda: found {Cuda} of ONNX Runtime 1.31.0, expected that of {Version}; found no libcudnn.so.9 that can be loaded, expected CUDA's and cuDNN 9's on the system's library path; "
            + "found 1 devices, expected one with the number 3", refused.Message);
        Assert.Equal(refused.Message, $"provider cuda: {refused.Reason}");
        Assert.Equal("Fake", new CudaProvider(null, new CudaLibraries(_folder.Root, Version, driver)).Device);
        Assert.Null(new CudaProvider(3, new CudaLibraries(_folder.Root, Version, driver)).Device);
    }

    [Fact]
    public void TheProviderOfThisBuild_IsHeldToItsOwnRuntime() =>
        Assert.Contains($"expected those of ONNX Runtime {OrtLibrary.Version}", Assert.Throws<ProviderException>(new CudaProvider().Check).Message, StringComparison.Ordinal);

    private static byte[] Provider(string[] needed, string version = Version) => HandMadeElf.Of(needed, constants: Encoding.ASCII.GetBytes($"\0{version}\0"));

    private void Place(byte[] provider)
    {
        File.WriteAllBytes(_folder[Shared], HandMadeElf.Of());
        File.WriteAllBytes(_folder[Cuda], provider);
    }

    private string Driver(int version)
    {
        string path = _folder[$"libcuda-{Guid.NewGuid():N}.so.1"];
        File.WriteAllBytes(path, HandMadeElf.CudaDriver(version, devices: 1));
        return path;
    }

    private IReadOnlyList<string> Faults(string driver) => new CudaLibraries(_folder.Root, Version, driver).Faults();
}
