using MeLo.Edge.Engine;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Ingestion;

public sealed class SchedulePriorityTests : IDisposable
{
    private readonly FakeTime _time = new();
    private readonly DeviceCosts _costs = new();
    private readonly JobSchedule _schedule;

    public SchedulePriorityTests() => _schedule = new JobSchedule(TimeSpan.FromSeconds(10), 100, _costs, _time);

    public void Dispose() => _schedule.Dispose();

    [Fact]
    public void UrgentImages_GoFirst_GroupedByTask()
    {
        Add("aarr");
        Add("brb", Priority.Stat);
        Assert.Equal("bbr", Drain(3));
        Assert.Equal("rr", Drain(2)); // its weights are there
        Assert.Equal("aa", Drain(2));
    }

    [Fact]
    public void UrgentTask_IsTheFollowingOne()
    {
        Add("ab");
        Add("a", Priority.Stat);
        _time.Advance(1);
        Add("c", Priority.Stat);
        Drain(1);
        Assert.Equal("c", _schedule.FollowingTask);
    }

    [Fact]
    public void SteadyUrgentStream_LetsOverdueRoutineImagesThrough()
    {
        for (int i = 0; i < 5; i++) Add("q");
        int routine = 0;
        double last = 0;
        for (int run = 0; routine < 5; run++)
        {
            Assert.True(run < 1000, "routine images starve");
            Add("s", Priority.Stat);
            Assert.True(_schedule.TryTake(out QueuedFile? next));
            _time.Advance(0.1);
            if (next.File.Priority == Priority.Stat) continue;
            routine++;
            last = (run + 1) * 0.1;
        }
        // From the limit on, one image for every run of urgent ones.
        Assert.InRange(last, 10, 10 + (0.1 * 5 * (JobSchedule.StatRun + 1)) + 0.1);
    }

    [Fact]
    public void FullUrgentQueue_DoesNotFillTheRoutineOne()
    {
        for (int i = 0; i < 100; i++) Add("a", Priority.Stat);
        Assert.False(_schedule.TryAdd(File("a", Priority.Stat)));
        Assert.True(_schedule.TryAdd(File("a", Priority.Routine)));
        Assert.Equal((100, 1), (_schedule.Lengths[("a", Priority.Stat)], _schedule.Lengths[("a", Priority.Routine)]));
        Assert.Equal(101, _schedule.Clear("a").Count);
    }

    [Fact]
    public void CheapSwitches_GiveTheOrderOfArrival()
    {
        Learn(0.02, SwitchKind.Warm);
        AddInTurn("abcabcabc");
        Assert.Equal("abcabcabc", Drain(9));
    }

    [Fact]
    public void MeasuredSwitches_MakeATurnAsLongAsTheyNeed()
    {
        Learn(5, SwitchKind.Cold); // 5 ms of 100 ms: 2.5 images for 2 %
        AddInTurn("abcabcabcabc");
        Assert.Equal("aaabbbcccabc", Drain(12));
    }

    [Fact]
    public void CostlySwitch_IsPutOffWhileFinishingIsShorter()
    {
        Learn(300, SwitchKind.Cold);
        AddInTurn("aba");
        Assert.Equal("a", Drain(1));
        _time.Advance(9.99); // b is overdue soon, a's second image a moment later
        Assert.Equal("ab", Drain(2));
    }

    [Fact]
    public void CostlySwitch_IsNotPutOffForever()
    {
        Learn(300, SwitchKind.Cold);
        AddInTurn("ab");
        Drain(1);
        int others = 0;
        for (Add("a"); Drain(1) == "a"; others++, Add("a"))
        {
            Assert.True(others < 200, "the other task starves");
            _time.Advance(0.1);
        }
        Assert.InRange(others * 0.1, 5, 10.5); // at most the limit and one switch
    }

    [Fact]
    public void Costs_AreNullBeforeTheFirst_ThenFollowTheMeasurements()
    {
        Assert.Null(_costs.SwitchMilliseconds);
        Assert.Null(_costs.InferenceMilliseconds("a"));
        _costs.Record("a", Timing(8, SwitchKind.Cold, 100));
        Assert.Equal((8.0, 100.0), (_costs.SwitchMilliseconds, _costs.InferenceMilliseconds("a")));
        _costs.Record("a", Timing(99, SwitchKind.Cold, 180) with { Switch = Timing(99, SwitchKind.Cold, 0).Switch with { TaskChanged = false } });
        Assert.Equal((8.0, 110.0), (_costs.SwitchMilliseconds, _costs.InferenceMilliseconds("a"))); // no change of task: no switch cost
        for (int i = 0; i < 60; i++) _costs.Record("b", Timing(0.02, SwitchKind.Warm, 50));
        Assert.InRange(_costs.SwitchMilliseconds!.Value, 0.02, 0.03); // mostly warm by now
    }

    private void Learn(double switchMilliseconds, SwitchKind kind)
    {
        foreach (string task in (string[])["a", "b", "c"]) _costs.Record(task, Timing(switchMilliseconds, kind, 100));
    }

    private static PredictionTiming Timing(double milliseconds, SwitchKind kind, double inference) =>
        new(0, 0, new SwitchTiming(kind, true, 0, 0, 0, 0, milliseconds * 1000), inference);

    private void Add(string tasks, Priority priority = Priority.Routine)
    {
        foreach (char task in tasks) Assert.True(_schedule.TryAdd(File(task.ToString(), priority)));
    }

    private void AddInTurn(string tasks)
    {
        foreach (char task in tasks)
        {
            Add(task.ToString());
            _time.Advance(0.001);
        }
    }

    private string Drain(int count)
    {
        string order = "";
        for (int i = 0; i < count; i++)
        {
            Assert.True(_schedule.TryTake(out QueuedFile? next));
            order += next.File.Task;
        }
        return order;
    }

    private static InboxFile File(string task, Priority priority) => new(task, "x.png", "x.png", new FileStamp(1, 1, 1), priority);
}
