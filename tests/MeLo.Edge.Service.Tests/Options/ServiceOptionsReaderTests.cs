using MeLo.Edge.Engine;
using MeLo.Edge.Service;
using MeLo.Edge.Service.Options;
using Microsoft.Extensions.Configuration;

namespace MeLo.Edge.Tests.Options;

public class ServiceOptionsReaderTests
{
    [Fact]
    public void NoSettings_GiveTheDocumentedDefaults() => Assert.Equal(new ServiceOptions(), Read());

    [Fact]
    public void Settings_AreRead()
    {
        ServiceOptions options = Read(("Data", "/data"), ("Port", "0"), ("MaxWaitMs", "250"), ("QueueLimit", "3"), ("MaxFileMegabytes", "2"), ("Once", "true"), ("Threads", "3"));
        Assert.Equal(("/data", 0, TimeSpan.FromMilliseconds(250), 3, 2 << 20, true, 3),
            (options.Data, options.Port, options.MaxWait, options.QueueLimit, options.MaxFileBytes, options.Once, options.Threads));
        Assert.Null(Read(("Port", "off")).Port);
        Assert.Equal(Fp32TaskPolicy.Refuse, Read(("Fp32Tasks", "refuse")).Fp32Tasks);
        Assert.Equal(Fp32TaskPolicy.Run, Read(("Fp32Tasks", "run")).Fp32Tasks);
        Assert.Equal([HeatMapFiles.Off, HeatMapFiles.Png, HeatMapFiles.Dicom, HeatMapFiles.Both], ((string[])["off", "png", "dicom", "both"]).Select(v => Read(("Results:HeatMap", v)).HeatMap));
        Assert.False(Read(("Results:HeatMapNotice", "false")).HeatMapNotice);
        options = Read(("Provider", "cuda"), ("DeviceId", "1"), ("Strict", "true"));
        Assert.Equal((ExecutionProvider.Cuda, 1, true), (options.Provider, options.DeviceId, options.Strict));
        Assert.Null(Read(("Provider", "auto")).Provider);
        options = Read(("Results:DicomSr", "true"), ("Results:Fhir", "true"), ("Results:Worklist", "true"), ("Results:Json:IncludePatient", "true"));
        Assert.Equal((true, true, true, true), (options.DicomSr, options.Fhir, options.Worklist, options.IncludePatient));
        Assert.Equal(ExecutionProvider.WebGpu, Read(("Provider", "WebGPU")).Provider);
    }

    [Fact]
    public void EveryFault_IsReportedAtOnce()
    {
        ServiceException refused = Assert.Throws<ServiceException>(() =>
            Read(("Port", "70000"), ("QueueLimit", "0"), ("ScanIntervalMs", "-1"), ("Once", "maybe"), ("Quarantine", "x"), ("Data", " "), ("Precision", "fp31"), ("Fp32Tasks", "1"), ("Threads", "1025"), ("Results:HeatMap", "jpeg"),
                ("Provider", "gpu"), ("DeviceId", "0"), ("Strict", "yes")));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        foreach (string setting in (string[])["Port", "QueueLimit", "ScanIntervalMs", "Once", "Quarantine", "Data", "Precision", "Fp32Tasks", "Threads", "Results:HeatMap", "Provider", "DeviceId", "Strict"])
            Assert.Contains($"MeLo:{setting}:", refused.Message, StringComparison.Ordinal);
        Assert.Equal(13, refused.Message.Split(Environment.NewLine).Length);
    }

    [Theory]
    [InlineData("-1", "auto", "found '-1', expected a whole number from 0 to 2147483647")]
    [InlineData("abc", "cuda", "found 'abc', expected a whole number from 0 to 2147483647")]
    [InlineData("1", "auto", "found 1 with provider auto, expected MeLo:Provider cuda or directml beside it")]
    [InlineData("1", "webgpu", "found 1 with provider webgpu, expected MeLo:Provider cuda or directml beside it")]
    public void ADeviceNumberThatMeansNothing_IsOneFault(string device, string provider, string fault)
    {
        ServiceException refused = Assert.Throws<ServiceException>(() => Read(("DeviceId", device), ("Provider", provider)));
        Assert.StartsWith($"MeLo:DeviceId: {fault}", Assert.Single(refused.Message.Split(Environment.NewLine)), StringComparison.Ordinal);
    }

    [Fact]
    public void AnUnknownSetting_IsToldTheNamesOfThoseInTheManual_AndNoneOfTheCommandLines()
    {
        string message = Assert.Throws<ServiceException>(() => Read(("Providr", "cpu"))).Message;
        string[] manual = [.. File.ReadAllLines(Path.Combine(SharedData.RepositoryRoot, "docs", "operating.md"))
            .SkipWhile(l => l != "### Settings").TakeWhile(l => l != "### Providers").Where(l => l.StartsWith("| `", StringComparison.Ordinal)).Select(l => l.Split('`')[1])];
        Assert.EndsWith($"expected one of {string.Join(", ", manual.Order(StringComparer.Ordinal))}", message, StringComparison.Ordinal);
    }

    private static ServiceOptions Read(params (string Key, string Value)[] settings) => ServiceOptionsReader.Read(new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(s => KeyValuePair.Create($"MeLo:{s.Key}", (string?)s.Value))).Build());
}
