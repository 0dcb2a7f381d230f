using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Ingestion;

public class JobScheduleTests
{
    private readonly FakeTime _time = new();

    [Fact]
    public void MixedInbox_ChangesTaskOncePerTask()
    {
        using JobSchedule schedule = new(TimeSpan.FromSeconds(10), 100, new DeviceCosts(), _time);
        for (int i = 0; i < 30; i++) Assert.True(schedule.TryAdd(File(((string[])["a", "b", "c"])[i % 3], i)));
        string order = Drain(schedule);
        Assert.Equal(new string('a', 10) + new string('b', 10) + new string('c', 10), order);
    }

    [Fact]
    public void OverdueTask_GoesBeforeTheCurrentOne()
    {
        using JobSchedule schedule = new(TimeSpan.FromSeconds(10), 100, new DeviceCosts(), _time);
        schedule.TryAdd(File("a", 0));
        schedule.TryAdd(File("b", 0));
        Assert.Equal("a", Take(schedule));
        _time.Advance(9);
        schedule.TryAdd(File("a", 1));
        schedule.TryAdd(File("a", 2));
        Assert.Equal("a", Take(schedule)); // b has waited 9 s: not yet
        _time.Advance(1.5);
        Assert.Equal("b", Take(schedule)); // 10.5 s
        Assert.Equal("a", Take(schedule));
    }

    [Fact]
    public void StreamForOneTask_CannotStarveAnother()
    {
        using JobSchedule schedule = new(TimeSpan.FromSeconds(10), 1000, new DeviceCosts(), _time);
        schedule.TryAdd(File("busy", 0));
        schedule.TryAdd(File("quiet", 0));
        double waited = 0;
        for (int i = 1; ; i++)
        {
            schedule.TryAdd(File("busy", i));
            schedule.TryAdd(File("busy", -i)); // two come for every one that is done: the queue only grows
            if (Take(schedule) == "quiet") break;
            _time.Advance(0.5);
            waited += 0.5;
            Assert.True(waited < 60, "the quiet task starves");
        }
        Assert.InRange(waited, 0, 0.5 * (JobSchedule.UnmeasuredTurn + 1)); // one turn
    }

    [Fact]
    public void EveryTaskOverdue_TurnsStayLong()
    {
        using JobSchedule schedule = new(TimeSpan.FromSeconds(1), 1000, new DeviceCosts(), _time);
        for (int i = 0; i < 240; i++)
        {
            schedule.TryAdd(File(((string[])["a", "b", "c"])[i % 3], i));
            _time.Advance(0.01);
        }
        _time.Advance(100);
        string order = Drain(schedule);
        int switches = order.Zip(order.Skip(1)).Count(pair => pair.First != pair.Second);
        Assert.Equal(240, order.Length);
        Assert.InRange(switches, 2, 240 / JobSchedule.UnmeasuredTurn);
    }

    [Fact]
    public void WithinATask_OrderIsKept()
    {
        using JobSchedule schedule = new(TimeSpan.FromSeconds(1), 100, new DeviceCosts(), _time);
        for (int i = 0; i < 10; i++) schedule.TryAdd(File("a", i));
        for (int i = 0; i < 10; i++)
        {
            Assert.True(schedule.TryTake(out QueuedFile? next));
            Assert.Equal($"{i}.png", next.File.Name);
        }
        Assert.False(schedule.TryTake(out _));
    }

    [Fact]
    public void FullQueue_RefusesOnlyItsOwnTask()
    {
        using JobSchedule schedule = new(TimeSpan.FromSeconds(1), 2, new DeviceCosts(), _time);
        Assert.True(schedule.TryAdd(File("a", 0)));
        Assert.True(schedule.TryAdd(File("a", 1)));
        Assert.False(schedule.TryAdd(File("a", 2)));
        Assert.True(schedule.TryAdd(File("b", 0)));
        Take(schedule);
        Assert.True(schedule.TryAdd(File("a", 2)));
    }

    [Fact]
    public void FollowingTask_IsTheOneWithTheOldestImage()
    {
        using JobSchedule schedule = new(TimeSpan.FromSeconds(10), 100, new DeviceCosts(), _time);
        schedule.TryAdd(File("a", 0));
        _time.Advance(1);
        schedule.TryAdd(File("c", 0));
        _time.Advance(1);
        schedule.TryAdd(File("b", 0));
        Assert.Equal("a", Take(schedule));
        Assert.Equal("c", schedule.FollowingTask);
        Assert.Equal("c", Take(schedule));
        Assert.Equal("b", schedule.FollowingTask);
        Assert.Equal("b", Take(schedule));
        Assert.Null(schedule.FollowingTask);
    }

    [Fact]
    public async Task ClearedTask_IsHandedBack_AndTakingWaitsForMore()
    {
        using JobSchedule schedule = new(TimeSpan.FromSeconds(10), 100, new DeviceCosts(), _time);
        schedule.TryAdd(File("a", 0));
        Assert.Single(schedule.Clear("a"));
        Task<QueuedFile> taking = schedule.TakeAsync(TestContext.Current.CancellationToken);
        Assert.False(taking.IsCompleted);
        schedule.TryAdd(File("b", 7));
        Assert.Equal("7.png", (await taking).File.Name);
    }

    [Fact]
    public void RandomLoad_LosesNothing_AndBoundsEveryWait()
    {
        // A twin that keeps the rule in the plainest way: nothing lost, none waits longer than the limit plus the turns of all others.
        Random random = new(20260131);
        using JobSchedule schedule = new(TimeSpan.FromSeconds(5), 10_000, new DeviceCosts(), _time);
        string[] tasks = ["a", "b", "c", "d", "e"];
        HashSet<(string, Priority, string)> waiting = [];
        for (int step = 0; step < 5000; step++)
        {
            if (step < 4000 && random.NextDouble() < 0.95)
            {
                InboxFile file = File(tasks[random.Next(random.Next(1, tasks.Length + 1))], step);
                Assert.True(schedule.TryAdd(file));
                waiting.Add(file.Place);
            }
            if (schedule.TryTake(out QueuedFile? next)) Assert.True(waiting.Remove(next.File.Place));
            _time.Advance(random.NextDouble() * 0.2);
        }
        while (schedule.TryTake(out QueuedFile? next)) Assert.True(waiting.Remove(next.File.Place));
        Assert.Empty(waiting);
    }

    private static InboxFile File(string task, int number) => new(task, $"{number}.png", $"/inbox/{task}/{number}.png", new FileStamp(1, 1, 1));

    private static string Take(JobSchedule schedule)
    {
        Assert.True(schedule.TryTake(out QueuedFile? next));
        return next.File.Task;
    }

    private static string Drain(JobSchedule schedule)
    {
        System.Text.StringBuilder order = new();
        while (schedule.TryTake(out QueuedFile? next)) order.Append(next.File.Task);
        return order.ToString();
    }
}
