using MeLo.Edge.Engine;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Tests.Engine;

public sealed class ProviderChoiceTests
{
    private static readonly Action<Provider> s_anything = _ => { };

    [Fact]
    public void TheOrder_IsThePlatforms_AndEndsWithTheCpu()
    {
        Assert.Equal([ExecutionProvider.Cuda, ExecutionProvider.DirectMl, ExecutionProvider.WebGpu, ExecutionProvider.Cpu], ProviderChoice.Order(windows: true));
        Assert.Equal([ExecutionProvider.Cuda, ExecutionProvider.WebGpu, ExecutionProvider.Cpu], ProviderChoice.Order(windows: false));
    }

    [Fact]
    public void TheFirstThatStarts_IsChosen_AndTheReasonSaysWhyTheOthersAreNot()
    {
        using TemporaryFolder empty = new();
        CudaProvider cuda = new(null, new CudaLibraries(empty.Root, "1.30.0", "libcuda-of-nobody.so.1"));
        ProviderChoice choice = ProviderChoice.First([(ExecutionProvider.Cuda, cuda), (ExecutionProvider.WebGpu, new ReluctantProvider()), (ExecutionProvider.Cpu, new CpuProvider())], s_anything);
        Assert.Equal(ExecutionProvider.Cpu, choice.Kind);
        string[] files = [.. CudaLibraries.ProviderFiles];
        Assert.Equal($"chosen; passed over: cuda (found no {files[0]}, {files[1]} beside ONNX Runtime's library, expected those of ONNX Runtime 1.30.0 (a build with -p:Cuda=true places them); "
            + "found no libcuda-of-nobody.so.1, expected NVIDIA's driver), reluctant (found a software device only)", choice.Reason);
    }

    [Fact]
    public void ADeviceThatCannotDoWhatItIsWantedFor_IsPassedOver_TheCpuNever()
    {
        Action<Provider> require = provider => throw ProviderException.Unsupported(provider.Name, "found precision int8, expected fp32");
        ProviderChoice choice = ProviderChoice.First([(ExecutionProvider.WebGpu, new WillingProvider()), (ExecutionProvider.Cpu, new CpuProvider())], require);
        Assert.Equal((ExecutionProvider.Cpu, "chosen; passed over: willing (found precision int8, expected fp32)"), (choice.Kind, choice.Reason));
        choice = ProviderChoice.First([(ExecutionProvider.WebGpu, new WillingProvider()), (ExecutionProvider.Cpu, new CpuProvider())], s_anything);
        Assert.Equal((ExecutionProvider.WebGpu, "chosen, Fake"), (choice.Kind, choice.Reason));
    }

    [Fact]
    public void OneThatIsAskedFor_IsNeverReplaced()
    {
        Assert.Equal((ExecutionProvider.Cpu, "asked for"), (ProviderChoice.Make(ExecutionProvider.Cpu, null, s_anything).Kind, ProviderChoice.Make(ExecutionProvider.Cpu, null, s_anything).Reason));
        ExecutionProvider elsewhere = OperatingSystem.IsWindows() ? ExecutionProvider.Cuda : ExecutionProvider.DirectMl;
        Assert.Equal(ProviderFault.Unavailable, Assert.Throws<ProviderException>(() => ProviderChoice.Make(elsewhere, null, s_anything)).Fault);
    }

    [Fact]
    public void EveryProvider_GoesByOneName()
    {
        Assert.Equal(["auto", "cpu", "webgpu", "cuda", "directml"], ExecutionProviders.Settings);
        foreach (string setting in ExecutionProviders.Settings)
        {
            Assert.True(ExecutionProviders.TryParse(setting, out ExecutionProvider? provider));
            Assert.Equal(setting == ExecutionProviders.Automatic ? null : setting, provider?.Name());
            Assert.True(ExecutionProviders.TryParse(setting.ToUpperInvariant(), out ExecutionProvider? same));
            Assert.Equal(provider, same);
        }
        Assert.Equal(["cpu", "webgpu", "cuda", "directml"], ((Provider[])[new CpuProvider(), new WebGpuProvider(), new CudaProvider(), new DirectMlProvider(null)]).Select(p => p.Name));
        foreach (string setting in (string[])["", "gpu", "0", " cpu"]) Assert.False(ExecutionProviders.TryParse(setting, out _));
    }

    [Theory]
    [InlineData(null, 0, "DeviceId: found 0 with Provider null, expected 0 or more, with Cuda or DirectMl")]
    [InlineData(ExecutionProvider.WebGpu, 1, "DeviceId: found 1 with Provider WebGpu, expected 0 or more, with Cuda or DirectMl")]
    [InlineData(ExecutionProvider.Cuda, -1, "DeviceId: found -1 with Provider Cuda, expected 0 or more, with Cuda or DirectMl")]
    [InlineData((ExecutionProvider)9, null, "Provider: found 9, expected Cpu or WebGpu or Cuda or DirectMl")]
    public void OptionsThatMakeNoSense_AreRefused(ExecutionProvider? provider, int? device, string expected)
    {
        EngineException refused = Assert.Throws<EngineException>(() => EdgeEngine.Load("nowhere", new EdgeEngineOptions { Provider = provider, DeviceId = device }));
        Assert.Equal((EngineFault.InvalidOptions, $"engine options: {expected}"), (refused.Fault, refused.Message));
    }

    // Stands for a device that starts, which not every machine has.
    private sealed class WillingProvider : Provider
    {
        public override string Name => "willing";

        public override string Memory => "Cpu";

        public override string? Device => "Fake";

        public override void Check()
        {
        }

        protected override void Append(OrtSessionOptions options)
        {
        }
    }

    private sealed class ReluctantProvider : Provider
    {
        public override string Name => "reluctant";

        public override string Memory => "Cpu";

        public override string? Drawback => "found a software device only";

        public override void Check() => throw new InvalidOperationException("It is not to be started.");

        protected override void Append(OrtSessionOptions options)
        {
        }
    }
}
