using MeLo.Edge.Engine;
using MeLo.Edge.Service.Files;
using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Ingestion;

/// <summary>One simulated device: images arrive by the clock, are taken one at a time, and a change of task and a run take their time.</summary>
internal sealed class ScheduleSimulation(Arrival[] arrivals, double switchSeconds, TimeSpan maxWait)
{
    public const double RunSeconds = 0.1;

    /// <summary>What came of it: how long each image waited for its run, in the order of arrival, and how often the task changed.</summary>
    internal sealed record Outcome(double[] Waits, int Switches);

    /// <summary>In the order of the service's schedule, which learns the costs from the runs.</summary>
    public Outcome Scheduled()
    {
        FakeTime time = new();
        DeviceCosts costs = new();
        using JobSchedule schedule = new(maxWait, arrivals.Length, costs, time);
        return Run(
            time,
            i => Assert.True(schedule.TryAdd(new InboxFile(arrivals[i].Task, $"{i}", $"{i}", new FileStamp(1, 1, 1), arrivals[i].Priority))),
            () => schedule.TryTake(out QueuedFile? next) ? int.Parse(next.File.Name, System.Globalization.CultureInfo.InvariantCulture) : null,
            costs);
    }

    /// <summary>First come, first served.</summary>
    public Outcome FirstComeFirstServed()
    {
        Queue<int> queue = new();
        return Run(new FakeTime(), queue.Enqueue, () => queue.TryDequeue(out int next) ? next : null, new DeviceCosts());
    }

    private Outcome Run(FakeTime time, Action<int> add, Func<int?> take, DeviceCosts costs)
    {
        double[] waits = new double[arrivals.Length];
        double now = 0;
        int arrived = 0, switches = 0;
        string? resident = null;
        for (int done = 0; done < arrivals.Length; done++)
        {
            AdvanceTo(now);
            int? next = take();
            if (next is null)
            {
                AdvanceTo(arrivals[arrived].Seconds);
                next = take();
            }
            Arrival image = arrivals[Assert.NotNull(next)];
            bool changes = image.Task != resident;
            if (changes) switches++;
            double change = changes ? switchSeconds : 0;
            waits[next.Value] = now + change - image.Seconds;
            resident = image.Task;
            costs.Record(image.Task, new PredictionTiming(0, 0, new SwitchTiming(changes ? SwitchKind.Cold : SwitchKind.Warm, changes, 0, 0, 0, 0, change * 1e6), RunSeconds * 1000));
            now += change + RunSeconds;
        }
        return new Outcome(waits, switches);

        // Every image is queued at its own time, also those that come during a run.
        void AdvanceTo(double end)
        {
            now = end;
            while (arrived < arrivals.Length && arrivals[arrived].Seconds <= end)
            {
                Move(arrivals[arrived].Seconds);
                add(arrived++);
            }
            Move(end);
        }

        void Move(double seconds) => time.Advance(seconds - Clock(time));
    }

    private static double Clock(FakeTime time) => (time.GetUtcNow() - s_start).TotalSeconds;

    private static readonly DateTimeOffset s_start = new FakeTime().GetUtcNow();
}
