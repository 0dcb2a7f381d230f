using MeLo.Edge.Service;
using MeLo.Edge.Service.Ingestion;
using MeLo.Edge.Service.Reporting;

namespace MeLo.Edge.Tests.Reporting;

public sealed class ProgressDisplayTests
{
    [Fact]
    public void FilesAreCountedOnce_WhileTheyAreQueued_InWork_SettledSinceTheLastScan_AndGone()
    {
        using TemporaryFolder root = new();
        FakeTime time = new();
        DataFolder folder = new(root.Root);
        folder.Create();
        folder.CreateTask("tb");
        for (int i = 0; i < 5; i++) File.WriteAllText(Path.Combine(folder.Inbox, "tb", $"{i}.png"), "a");
        Directory.CreateDirectory(Path.Combine(folder.Inbox, "other"));
        File.WriteAllText(Path.Combine(folder.Inbox, "other", "waits.png"), "a");
        using JobSchedule schedule = new(TimeSpan.FromSeconds(10), 8, new DeviceCosts(), time);
        Inbox inbox = new(folder.Inbox, new StableFileProbe(TimeSpan.FromSeconds(1), time), schedule, time);

        InboxScan scan = Scan();
        Assert.Equal((0, 6), Counts());
        time.Advance(1);
        scan = Scan();
        Assert.Equal((0, 6), Counts());
        Settle(2); // since the scan that queued them
        Assert.Equal((2, 6), Counts());
        scan = Scan();
        Assert.Equal((2, 6), Counts());
        Settle(3); // since a scan that found them in work
        Assert.Equal((5, 6), Counts());
        scan = Scan();
        Assert.Equal((5, 6), Counts());

        InboxScan Scan() => inbox.Scan(task => task == "tb", takeNothing: false);

        (long, long) Counts() => ProgressDisplay.Counts(scan, inbox);

        void Settle(int count)
        {
            for (int i = 0; i < count; i++)
            {
                Assert.True(schedule.TryTake(out QueuedFile? taken));
                File.Delete(taken.File.Path);
                inbox.Settle(taken.File);
            }
        }
    }
}
