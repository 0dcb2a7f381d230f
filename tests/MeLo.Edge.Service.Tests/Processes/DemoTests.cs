using MeLo.Edge.Service;
using MeLo.Edge.Service.Demo;

namespace MeLo.Edge.Tests.Processes;

public sealed class DemoTests : IDisposable
{
    // The demonstration is what people try first, on whatever machine they have.
    private static readonly (string, string)[] s_asShipped = [("MELO__Provider", "auto")];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Demo_ShowsEverythingItPromises_AndCanBeRunAgain()
    {
        (int code, string output, string errors) = ServiceProcess.Once(_folder.Root, s_asShipped, ["--demo"]);
        Assert.True(code == 0, output + errors);
        foreach (string expected in (string[])["24 results, 1 duplicates, 2 quarantined, 3 bundles refused", "tampered", "not-signed", "untrusted", "cut-off.png", "not-a-picture.jpg", "cold", "warm", "drawn as", " of 24)", DemoFolder.Notice])
            Assert.Contains(expected, output, StringComparison.Ordinal);
        DataFolder data = new(_folder.Root);
        Assert.Equal(24, Directory.GetFiles(data.Outbox, "*.json", SearchOption.AllDirectories).Length);

        DemoTruth truth = DemoTruth.Read(data);
        Assert.All(new Service.Reporting.FolderReport(data).Results(), r => Assert.Contains(truth.Of(r.Task, r.Sha256), r.Task == DemoVolumes.TaskName ? DemoVolumes.Labels : DemoTask.All.Single(t => t.Name == r.Task).Labels));
        Assert.True(new Service.Reporting.FolderReport(data).Results().Count(r => r.Label == truth.Of(r.Task, r.Sha256)) >= 17, output);

        (code, output, errors) = ServiceProcess.Once(_folder.Root, s_asShipped, ["--demo"]);
        Assert.True(code == 0, output + errors);
        Assert.Contains("0 results, 25 duplicates, 2 quarantined, 0 bundles refused", output, StringComparison.Ordinal);
        Assert.Equal(24, Directory.GetFiles(data.Outbox, "*.json", SearchOption.AllDirectories).Length);
        Assert.Equal(25, Directory.GetFiles(data.Processed, "*", SearchOption.AllDirectories).Length);
        Assert.Equal(4, Directory.GetFiles(data.Quarantine, "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public void Demo_NeverTouchesARealInstallation()
    {
        using Installation installation = new();
        (int code, _, string errors) = ServiceProcess.Once(installation.Data.Root, arguments: ["--demo"]);
        Assert.Equal((int)ExitCode.Usage, code);
        Assert.Contains("that --demo did not make", errors, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(installation.Data.Inbox, "*", SearchOption.AllDirectories));
    }
}
