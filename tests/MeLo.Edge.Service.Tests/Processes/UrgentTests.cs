using MeLo.Edge.Service;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Processes;

/// <summary>Urgent images that come while a burst of routine ones of another task is being worked on.</summary>
public sealed class UrgentTests(ITestOutputHelper output)
{
    private const int Routine = 240, Urgent = 12; // one queue holds 256

    [Fact]
    public void UrgentImages_ComeBeforeWhatIsLeftOfAnotherTasksBurst_AndNothingIsLostOrDoneTwice()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "suspends the service");
        string burst = Installation.Tasks[0], urgent = Installation.Tasks[1];
        using Installation installation = new();
        using OutboxWatcher watcher = new(installation.Data);
        Dictionary<string, string> dropped = [];
        for (int i = 0; i < Routine; i++) Settlement.Drop(installation, dropped, i, burst);
        using ServiceProcess service = ServiceProcess.Start(installation.Data.Root, environment: [("MELO__MaxWaitMs", "600000"), ("MELO__StableIntervalMs", "10")]);
        service.WaitUntil(() => watcher.Count >= 3, "the burst was being worked on");
        service.Suspend(); // so that one scan finds all of them
        for (int i = 0; i < Urgent; i++) Settlement.Drop(installation, dropped, Routine + i, urgent, urgent: true);
        service.Resume();
        service.WaitUntil(() => watcher.Count == Routine + Urgent, "everything had a result");
        service.Terminate();
        Assert.Equal((int)ExitCode.Done, service.WaitForExit());

        Settlement.AssertSettled(installation, dropped, watcher);
        List<string> order = Results(installation);
        int first = order.IndexOf(urgent), last = order.LastIndexOf(urgent), left = order.Count - 1 - last;
        output.WriteLine($"{first} routine results before the first urgent one, {left} after the last");
        Assert.True(left > Routine / 4, $"only {left} of {Routine} routine results come after the last urgent one");
        Assert.InRange(last - first + 1, Urgent, Urgent + 3); // what is prepared already may go between them
    }

    private static List<string> Results(Installation installation)
    {
        using JournalConnection journal = new(installation.Data.Journal);
        return [.. journal.Query("SELECT task FROM audit WHERE event = 'result' ORDER BY id", r => r.GetString(0))];
    }
}
