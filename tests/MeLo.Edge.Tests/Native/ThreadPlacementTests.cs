using MeLo.Edge.Native;

namespace MeLo.Edge.Tests.Native;

public sealed class ThreadPlacementTests
{
    [Fact]
    public void ThreadKeptOffThisProcessor_MayRunOnAllOthers_AndTheCallerStaysFree()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.ProcessorCount > 1, "needs Linux and two processors");
        int[] all = Processors("self");
        int other = 0;
        using ManualResetEventSlim known = new(), done = new();
        Thread thread = new(() =>
        {
            other = ThreadPlacement.CurrentThread;
            known.Set();
            done.Wait();
        });
        thread.Start();
        known.Wait(TestContext.Current.CancellationToken);

        ThreadPlacement.KeepOffThisProcessor([other]);
        int[] kept = Processors($"self/task/{other}");
        ThreadPlacement.KeepOffThisProcessor([int.MaxValue]); // a thread that is none: nothing happens
        int[] caller = Processors($"self/task/{ThreadPlacement.CurrentThread}");
        done.Set();
        thread.Join();

        Assert.Equal(all.Length - 1, kept.Length);
        Assert.Empty(kept.Except(all));
        Assert.Equal(all, caller);
    }

    // "Cpus_allowed_list: 0-3,8"
    private static int[] Processors(string process) =>
    [
        .. File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal))[18..].Trim().Split(',')
            .Select(range => range.Split('-')).SelectMany(ends => Enumerable.Range(int.Parse(ends[0]), int.Parse(ends[^1]) - int.Parse(ends[0]) + 1)),
    ];
}
