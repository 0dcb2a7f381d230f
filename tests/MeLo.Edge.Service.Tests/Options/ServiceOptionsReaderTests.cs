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
        options = Read(("Provider", "cuda"), ("DeviceId", "1"), ("Strict", "true"));
        Assert.Equal((ExecutionProvider.Cuda, 1, true), (options.Provider, options.DeviceId, options.Strict));
        Assert.Null(Read(("Provider", "auto")).Provider);
    }

    [Fact]
    public void EveryFault_IsReportedAtOnce()
    {
        ServiceException refused = Assert.Throws<ServiceException>(() =>
            Read(("Port", "70000"), ("QueueLimit", "0"), ("ScanIntervalMs", "-1"), ("Once", "maybe"), ("Quarantine", "x"), ("Data", " "), ("Precision", "fp31"), ("Fp32Tasks", "1"), ("Threads", "1025"),
                ("Provider", "gpu"), ("DeviceId", "0"), ("Strict", "yes")));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        foreach (string setting in (string[])["Port", "QueueLimit", "ScanIntervalMs", "Once", "Quarantine", "Data", "Precision", "Fp32Tasks", "Threads", "Provider", "DeviceId", "Strict"])
            Assert.Contains($"MeLo:{setting}:", refused.Message, StringComparison.Ordinal);
        Assert.Equal(12, refused.Message.Split(Environment.NewLine).Length);
    }

    private static ServiceOptions Read(params (string Key, string Value)[] settings) => ServiceOptionsReader.Read(new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(s => KeyValuePair.Create($"MeLo:{s.Key}", (string?)s.Value))).Build());
}
