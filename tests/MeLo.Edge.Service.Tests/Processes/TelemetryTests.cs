namespace MeLo.Edge.Tests.Processes;

/// <summary>ONNX Runtime's official builds report how they are used, unless they are told not to before anything else.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public void NothingIsKeptToBeReported()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "what is reported elsewhere leaves no files");
        using Installation installation = new();
        installation.Drop(Installation.Tasks[0], "0.png", Installation.Picture(0));
        using TemporaryFolder home = new();
        using ServiceProcess service = ServiceProcess.Start(installation.Data.Root, ["--once"], [("HOME", home.Root), ("XDG_CACHE_HOME", home["cache"])], TelemetryVariables.Unset);
        Assert.Equal(0, service.WaitForExit());
        // A device's ID and a queue of events, and the uploader's own log.
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(home.Root, "*", SearchOption.AllDirectories), path => path.Contains("onnxruntime", StringComparison.OrdinalIgnoreCase));
        Assert.False(File.Exists($"/tmp/mat-debug-{service.Id}.log"), "ONNX Runtime's uploader was started");
    }
}
