using MeLo.Edge.Service.Ingestion;

namespace MeLo.Edge.Tests.Ingestion;

/// <summary>The schedule against first come, first served, on the same arrivals and the same device; every number is of simulated time.</summary>
public class ScheduleSimulationTests(ITestOutputHelper output)
{
    private const double MaxWait = 10;

    public static TheoryData<string, double> Cases()
    {
        TheoryData<string, double> cases = [];
        foreach (double switchSeconds in (double[])[0.00002, 0.005, 0.3])
        {
            foreach (string pattern in Arrivals.Patterns) cases.Add(pattern, switchSeconds);
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Arrivals_NoneStarves_AndWaitsAreNoLongerThanFirstComeFirstServed(string pattern, double switchSeconds)
    {
        Arrival[] arrivals = Arrivals.Of(pattern);
        ScheduleSimulation simulation = new(arrivals, switchSeconds, TimeSpan.FromSeconds(MaxWait));
        ScheduleSimulation.Outcome ours = simulation.Scheduled(), theirs = simulation.FirstComeFirstServed();
        Assert.Equal(ours.Waits, simulation.Scheduled().Waits); // deterministic
        foreach (Priority priority in Enum.GetValues<Priority>())
        {
            if (!arrivals.Any(a => a.Priority == priority)) continue;
            output.WriteLine($"{pattern,-8} switch {switchSeconds * 1000,6:0.##} ms {priority,-7}  "
                + $"p50 {P(ours, 0.5, priority),6:0.00} s, first come {P(theirs, 0.5, priority),6:0.00}  "
                + $"p99 {P(ours, 0.99, priority),6:0.00} s, first come {P(theirs, 0.99, priority),6:0.00}  "
                + $"max {P(ours, 1, priority),6:0.00} s, first come {P(theirs, 1, priority),6:0.00}  switches {ours.Switches,3}, first come {theirs.Switches,3}");
        }
        // No image waits longer than the limit beyond the longest wait that taking them in order would give.
        Assert.True(ours.Waits.Max() <= theirs.Waits.Max() + MaxWait, "an image starves");
        Assert.True(ours.Switches <= theirs.Switches);
        // An urgent image that is taken earlier makes those it passes wait for one run and two switches more.
        int urgent = arrivals.Count(a => a.Priority == Priority.Stat);
        double passed = urgent * (ScheduleSimulation.RunSeconds + (2 * switchSeconds));
        Assert.InRange(P(ours, 0.5, Priority.Routine), 0, P(theirs, 0.5, Priority.Routine) + passed);
        Assert.InRange(P(ours, 0.99, Priority.Routine), 0, P(theirs, 0.99, Priority.Routine) + passed + Turn(switchSeconds));
        if (urgent > 0) Assert.InRange(P(ours, 0.99, Priority.Stat), 0, P(theirs, 0.99, Priority.Stat) / 10);

        double P(ScheduleSimulation.Outcome outcome, double share, Priority priority)
        {
            double[] waits = [.. outcome.Waits.Where((_, i) => arrivals[i].Priority == priority).Order()];
            return waits[(int)Math.Ceiling(share * waits.Length) - 1];
        }
    }

    // Where there is little to save, an image may wait one turn of another task longer than in the order of arrival.
    private static double Turn(double switchSeconds)
    {
        double images = Math.Ceiling(switchSeconds / (JobSchedule.SwitchShare * ScheduleSimulation.RunSeconds));
        return switchSeconds < ScheduleSimulation.RunSeconds && images > 1 ? images * ScheduleSimulation.RunSeconds : 0;
    }
}
