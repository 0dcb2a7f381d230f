using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Processes;

/// <summary>Where the service runs its model, and how it ends where it cannot.</summary>
public sealed class ProviderTests : IDisposable
{
    private static readonly (string, string)[] s_noDriver = VulkanDriver.Of("/nonexistent.json");

    private readonly Installation _installation = new(withTasks: false);
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _installation.Dispose();
    }

    [Theory]
    [InlineData("cuda", "beside ONNX Runtime's library")]
    [InlineData("directml", "expected Windows 10 or later")]
    [InlineData("webgpu", "Vulkan loader")]
    public void OneThatIsAskedForAndCannotStart_EndsTheServiceWithOneLineThatNamesWhatIsMissing(string provider, string missing)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there it may start");
        (int code, _, string errors) = ServiceProcess.Once(_installation.Data.Root, s_noDriver, ["--provider", provider]);
        AssertRefused(code, errors, provider, missing);
        // The environment says the same as the command line.
        (code, _, errors) = ServiceProcess.Once(_installation.Data.Root, [.. s_noDriver, ("MELO__PROVIDER", provider), ("MELO__Provider", provider)]);
        AssertRefused(code, errors, provider, missing);
    }

    [Fact]
    public void AManifestWhoseDriverIsMissing_IsNamed_WithTheLibrary()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "names the driver as Linux's loader looks for it");
        string manifest = _folder["broken.json"];
        File.WriteAllText(manifest, """{ "file_format_version": "1.0.0", "ICD": { "library_path": "/nonexistent/libvulkan_fake.so", "api_version": "1.3.0" } }""");
        (int code, _, string errors) = ServiceProcess.Once(_installation.Data.Root, VulkanDriver.Of(manifest), ["--provider", "webgpu"]);
        AssertRefused(code, errors, "webgpu", $"{manifest} names /nonexistent/libvulkan_fake.so, which cannot be loaded: ");
        Assert.Contains("mesa-vulkan-drivers", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void ADemonstrationForAProviderThatCannotStart_IsNotPrepared()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "hides the driver as Linux's loader looks for it");
        string data = _folder["demo"];
        (int code, string output, string errors) = ServiceProcess.Once(data, s_noDriver, ["--demo", "--provider", "WebGPU"]);
        AssertRefused(code, errors, "webgpu", "Vulkan loader");
        Assert.Equal("", output);
        Assert.False(Directory.Exists(data));
    }

    [Fact]
    public void LeftToChoose_OnAMachineWithoutAGpu_ItRunsOnTheCpu_AndSaysWhyInOneLine()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "hides the driver as Linux's loader looks for it");
        (int code, _, string errors) = ServiceProcess.Once(_installation.Data.Root, s_noDriver, ["--provider", "auto"]);
        Assert.Equal((int)ExitCode.Done, code);
        string line = Assert.Single(errors.Split('\n'), l => l.Contains("Started in", StringComparison.Ordinal));
        Assert.Contains("fp32 on cpu: ", line, StringComparison.Ordinal);
        Assert.Contains("; provider chosen; passed over: cuda (found no ", line, StringComparison.Ordinal);
        Assert.Contains("), webgpu (found ", line, StringComparison.Ordinal);
    }

    [Fact]
    public void LeftToChoose_ItDoesNotTakeASoftwareDevice()
    {
        VulkanDriver.RequireSoftware();
        (int code, _, string errors) = ServiceProcess.Once(_installation.Data.Root, VulkanDriver.Software, ["--provider", "auto"]);
        Assert.Equal((int)ExitCode.Done, code);
        Assert.Contains("fp32 on cpu: ", errors, StringComparison.Ordinal);
        Assert.Contains($"webgpu (found a software device only ({VulkanDriver.SoftwareName}", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void AskedForByName_ASoftwareDeviceAnswers_AndTheLogAndTheResultSayWhere()
    {
        VulkanDriver.RequireSoftware();
        DemoTask task = DemoTask.All[0];
        _installation.AddBundle(task.Name, Installation.Bundle(task, 1));
        _installation.Drop(task.Name, "x.png", Installation.Picture(1));
        (int code, _, string errors) = ServiceProcess.Once(_installation.Data.Root, VulkanDriver.Software, ["--provider", "webgpu", "--strict"]);
        Assert.True(code == (int)ExitCode.Done, errors);
        Assert.Contains("fp32 on webgpu: ", errors, StringComparison.Ordinal);
        Assert.Matches($"provider asked for, {VulkanDriver.SoftwareName}.*\\((Mesa's software driver lavapipe|the software driver SwiftShader), no GPU\\)", errors);
        string result = Path.Combine(_installation.Data.Outbox, task.Name, Assert.Single(_installation.Outbox(task.Name)));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(result));
        Assert.Equal("webgpu", document.RootElement.GetProperty("model").GetProperty("provider").GetString());
    }

    [Fact]
    public void ADeviceWithout16BitFloats_IsNotGivenFp16_AndSaysSo()
    {
        VulkanDriver.RequireSwiftShader();
        using Installation installation = new(withTasks: false, everyPrecision: true);
        (int code, _, string errors) = ServiceProcess.Once(installation.Data.Root, VulkanDriver.SwiftShader, ["--provider", "webgpu"]);
        Assert.True(code == (int)ExitCode.Done, errors);
        Assert.Contains("(the software driver SwiftShader, no GPU) does not compute with 16-bit floating point", errors, StringComparison.Ordinal);
        (code, _, errors) = ServiceProcess.Once(installation.Data.Root, [("MELO__Precision", "fp16"), .. VulkanDriver.SwiftShader], ["--provider", "webgpu"]);
        Assert.True(code == (int)ExitCode.Provider, $"{code}: {errors}");
        Assert.Contains("error: provider webgpu: found precision fp16, expected fp32: SwiftShader", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void ACudaProviderOfAnotherVersion_AndADriverThatIsTooOld_AreNamedByTheServiceItself()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "the libraries are for x64 Linux");
        CopyProgram();
        File.WriteAllBytes(_folder["libonnxruntime_providers_shared.so"], HandMadeElf.Of());
        File.WriteAllBytes(_folder["libonnxruntime_providers_cuda.so"], HandMadeElf.Of(["libcudart.so.13", "libcuda.so.1"], constants: Encoding.ASCII.GetBytes("\u00001.29.0\u0000")));
        File.WriteAllBytes(_folder["driver", "libcuda.so.1"], HandMadeElf.CudaDriver(version: 12040, devices: 1));
        (int code, _, string errors) = ServiceProcess.Once(
            _installation.Data.Root, [("LD_LIBRARY_PATH", Path.GetDirectoryName(_folder["driver", "libcuda.so.1"])!)], ["--provider", "cuda"], program: _folder.Root);
        AssertRefused(code, errors, "cuda", "of ONNX Runtime 1.29.0, expected that of ");
        Assert.Contains("found NVIDIA's driver for CUDA 12.4, expected NVIDIA's driver 580 or later for CUDA 13; found no libcudart.so.13, libcudnn.so.9 that can be loaded", errors, StringComparison.Ordinal);
    }

    private static void AssertRefused(int code, string errors, string provider, string missing)
    {
        Assert.True(code == (int)ExitCode.Provider, $"{code}: {errors}");
        Assert.StartsWith($"error: provider {provider}: found ", errors, StringComparison.Ordinal);
        Assert.Contains(missing, errors, StringComparison.Ordinal);
        Assert.Equal(["error"], errors.Split('\n').Select(l => l.Split(':')[0]));
    }

    // The program in a folder of its own, where other libraries can lie beside it. What is native is only linked to.
    private void CopyProgram()
    {
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory))
        {
            string name = Path.GetFileName(file);
            if (name.Contains(".so", StringComparison.Ordinal)) File.CreateSymbolicLink(_folder[name], file);
            else File.Copy(file, _folder[name]);
        }
        Directory.CreateSymbolicLink(_folder["runtimes"], Path.Combine(AppContext.BaseDirectory, "runtimes"));
    }
}
