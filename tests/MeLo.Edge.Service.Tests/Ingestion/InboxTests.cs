using MeLo.Edge.Service;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Ingestion;

public sealed class InboxTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FakeTime _time = new();
    private readonly JobSchedule _schedule;
    private readonly Inbox _inbox;

    public InboxTests()
    {
        Directory.CreateDirectory(_folder["tb", "x"]);
        Directory.Delete(_folder["tb", "x"]);
        _schedule = new JobSchedule(TimeSpan.FromSeconds(10), 3, new DeviceCosts(), _time);
        _inbox = new Inbox(_folder.Root, new StableFileProbe(TimeSpan.FromSeconds(1), _time), _schedule, _time);
    }

    public void Dispose()
    {
        _schedule.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void GrowingFile_IsTakenOnlyAfterItHasComeToRest()
    {
        File.WriteAllText(_folder["tb", "x.png"], "a");
        Assert.Equal(1, Scan().Settling);
        _time.Advance(2);
        File.AppendAllText(_folder["tb", "x.png"], "b");
        Assert.Equal(1, Scan().Settling);
        _time.Advance(1);
        Assert.Equal(1, Scan().Queued);
        Assert.Equal(1, Scan().InWork);
    }

    [Fact]
    public void FullQueue_LeavesTheRestInTheInbox_AndTakesItLater()
    {
        for (int i = 0; i < 5; i++) File.WriteAllText(_folder["tb", $"{i}.png"], "a");
        InboxScan scan = Settled();
        Assert.Equal((3, 2), (scan.Queued, scan.HeldBack));
        Assert.True(_schedule.TryTake(out QueuedFile? taken));
        File.Delete(taken.File.Path);
        _inbox.Release(taken.File);
        scan = Scan();
        Assert.Equal((1, 2, 1), (scan.Queued, scan.InWork, scan.HeldBack));
    }

    [Fact]
    public void LowDisk_TakesNothing_AndForgetsNothing()
    {
        File.WriteAllText(_folder["tb", "x.png"], "a");
        Scan();
        _time.Advance(1);
        Assert.Equal(1, _inbox.Scan(_ => true, takeNothing: true).HeldByDisk);
        Assert.Equal(1, Scan().Queued);
    }

    [Fact]
    public void TaskThatIsNotInstalled_Waits()
    {
        File.WriteAllText(_folder["tb", "x.png"], "a");
        _inbox.Scan(_ => false, takeNothing: false);
        _time.Advance(1);
        Assert.Equal(1, _inbox.Scan(_ => false, takeNothing: false).WithoutTask);
        Assert.Equal(1, Scan().Queued);
    }

    [Fact]
    public void DeferredFile_ComesAgainAfterADelayThatDoubles_ButAtOnceWhenItChanged()
    {
        File.WriteAllText(_folder["tb", "x.png"], "a");
        Settled();
        Assert.True(_schedule.TryTake(out QueuedFile? file));
        Assert.Equal(1, _inbox.Defer(file.File));
        Assert.Equal(1, Scan().Deferred);
        _time.Advance(0.3);
        Assert.Equal(1, Scan().Queued);
        _schedule.TryTake(out file);
        Assert.Equal(2, _inbox.Defer(file!.File));
        _time.Advance(0.3);
        Assert.Equal(1, Scan().Deferred);
        File.WriteAllText(_folder["tb", "x.png"], "other");
        Settled();
        Assert.True(_schedule.TryTake(out file));
        Assert.Equal(1, _inbox.Defer(file.File));
    }

    [Fact]
    public void FoldersThatAreNoTask_AreNotLookedInto()
    {
        Directory.CreateDirectory(_folder["Not A Task", "x"]);
        File.WriteAllText(_folder["Not A Task", "x.png"], "a");
        File.WriteAllText(_folder["loose.png"], "a");
        if (OperatingSystem.IsLinux()) File.CreateSymbolicLink(_folder["link"], _folder["tb"]);
        File.WriteAllText(_folder["tb", "x.png"], "a");
        Assert.Equal(1, Scan().Files);
    }

    [Fact]
    public void OlderFiles_GoFirst()
    {
        File.WriteAllText(_folder["tb", "a.png"], "a");
        File.WriteAllText(_folder["tb", "b.png"], "b");
        File.SetLastWriteTimeUtc(_folder["tb", "b.png"], DateTime.UtcNow.AddMinutes(-1));
        Settled();
        Assert.True(_schedule.TryTake(out QueuedFile? first));
        Assert.Equal("b.png", first.File.Name);
    }

    [Fact]
    public void FolderStat_HoldsUrgentImages_OfTheSameTask()
    {
        Directory.CreateDirectory(_folder["tb", "stat"]);
        File.WriteAllText(_folder["tb", "x.png"], "a");
        File.WriteAllText(_folder["tb", "stat", "x.png"], "b");
        Directory.CreateDirectory(_folder["tb", "stat", "deeper"]);
        InboxScan scan = Settled();
        Assert.Equal((2, 2, 1), (scan.Files, scan.Queued, scan.Unusable));
        Assert.True(_schedule.TryTake(out QueuedFile? first));
        Assert.Equal(("tb", "x.png", Priority.Stat, _folder["tb", "stat", "x.png"]), (first.File.Task, first.File.Name, first.File.Priority, first.File.Path));
        _inbox.Release(first.File);
        Assert.Equal((1, 1), (_inbox.InWork, Scan().InWork)); // the other of that name is not released with it
    }

    [Fact]
    public void FileNamedStat_IsAnImageLikeAnyOther_AndStays()
    {
        DataFolder data = new(_folder["Data"]);
        data.CreateTask("tb");
        Assert.True(Directory.Exists(Path.Combine(data.Inbox, "tb", "stat")));
        Directory.Delete(Path.Combine(data.Inbox, "tb", "stat"));
        File.WriteAllText(Path.Combine(data.Inbox, "tb", "stat"), "a");
        data.CreateTask("tb");
        File.WriteAllText(_folder["tb", "stat"], "a");
        Assert.Equal(1, Settled().Queued);
        Assert.True(_schedule.TryTake(out QueuedFile? file));
        Assert.Equal(("stat", Priority.Routine), (file.File.Name, file.File.Priority));
    }

    [Fact]
    public void LinkNamedStat_IsNotFollowed_NorReplaced()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "links need rights elsewhere");
        DataFolder data = new(_folder["Data"]);
        Directory.CreateDirectory(Path.Combine(data.Inbox, "tb"));
        File.CreateSymbolicLink(Path.Combine(data.Inbox, "tb", "stat"), _folder["nowhere"]);
        data.CreateTask("tb");
        Directory.CreateDirectory(_folder["Elsewhere"]);
        File.WriteAllText(_folder["Elsewhere", "x.png"], "a");
        File.CreateSymbolicLink(_folder["tb", "stat"], _folder["Elsewhere"]);
        InboxScan scan = Settled();
        Assert.Equal((0, 1), (scan.Files, scan.Unusable));
    }

    private InboxScan Settled()
    {
        Scan();
        _time.Advance(1);
        return Scan();
    }

    private InboxScan Scan() => _inbox.Scan(_ => true, takeNothing: false);
}
