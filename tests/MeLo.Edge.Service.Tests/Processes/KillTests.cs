using System.Globalization;

namespace MeLo.Edge.Tests.Processes;

/// <summary>The main promise, with a process that is killed at random moments.</summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private const int Images = 500;

    [Fact]
    public void KilledAtRandomMoments_EveryImageHasExactlyOneResult()
    {
        int seed = Environment.GetEnvironmentVariable("MELO_TEST_SEED") is string given ? int.Parse(given, CultureInfo.InvariantCulture) : Environment.TickCount;
        output.WriteLine($"seed {seed} (MELO_TEST_SEED repeats it)");
        Random random = new(seed);
        using Installation installation = new();
        using OutboxWatcher watcher = new(installation.Data);
        Dictionary<string, string> dropped = [];
        int next = 0, kills = 0;
        while (next < Images || watcher.Count < Images)
        {
            for (int i = random.Next(20, 120); i > 0 && next < Images; i--) Settlement.Drop(installation, dropped, next++);
            using ServiceProcess service = ServiceProcess.Start(installation.Data.Root);
            if (random.Next(4) == 0)
            {
                Thread.Sleep(random.Next(0, 1500)); // while it starts, wherever that is
            }
            else
            {
                int goal = Math.Min(next, watcher.Count + random.Next(1, 90));
                service.WaitUntil(() => watcher.Count >= goal, $"there were {goal} results");
                Thread.Sleep(random.Next(0, 25));
            }
            service.Kill();
            kills++;
        }
        output.WriteLine($"{kills} kills");
        Assert.Equal(0, ServiceProcess.Once(installation.Data.Root).Code);
        Settlement.AssertSettled(installation, dropped, watcher);
        Assert.True(kills >= 5, $"only {kills} kills");
    }
}
