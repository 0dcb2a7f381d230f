using System.Collections.Concurrent;
using MeLo.Edge.Engine;

namespace MeLo.Edge.Tests.Engine;

/// <summary>Apart from other tests: the memory of the whole process is watched.</summary>
[Collection(nameof(SwitchStressTests))]
[CollectionDefinition(nameof(SwitchStressTests), DisableParallelization = true)]
public sealed class SwitchStressTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ThousandRandomSwitches_UnderConcurrentPredictions_GiveEachTasksOwnAnswer_AndMemoryStaysFlat()
    {
        const int Tasks = 8, Pictures = 4, Requests = 1000, Callers = 8;
        // Three of eight tasks fit: most switches are cold, some warm, and buffers are reused under leases.
        long budget = 3 * fixture.TaskBytes;
        using EdgeEngine engine = fixture.Load(new EdgeEngineOptions { Threads = 2, CacheBytes = budget });
        Dictionary<(int Task, int Picture), float[]> expected = [];
        byte[][] pictures = [.. Enumerable.Range(0, Pictures).Select(i => EngineFixture.Picture(i))];
        for (int t = 0; t < Tasks; t++)
        {
            InstalledTask task = engine.Install(fixture.Bundle($"task-{t}", seed: t));
            for (int p = 0; p < Pictures; p++)
                expected[(t, p)] = engine.Evaluate(fixture.Adapter(t), engine.Prepare(task, pictures[p]).Pixels, [1, 3, 32, 32], Cancellation);
        }

        ConcurrentBag<string> wrong = [];
        await RunAll(seed: 1);
        long memory = Resident();
        await RunAll(seed: 2);
        long growth = Resident() - memory;

        Assert.Empty(wrong);
        EngineStatistics statistics = engine.Statistics;
        Assert.True(statistics.ColdSwitchMilliseconds.Count > Requests / 2, $"{statistics}");
        Assert.True(statistics.WarmSwitchMicroseconds.Count > 0, $"{statistics}");
        Assert.True(statistics.CacheBytes <= budget, $"{statistics}");
        Assert.True(statistics.BufferBytes <= budget + fixture.TaskBytes, $"{statistics}");
        // A leak of one task's weights for each switch would be a hundred times this.
        Assert.True(growth < 40 << 20, $"resident memory grew by {growth:N0} bytes in {Requests} switches");

        Task RunAll(int seed) => Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            Random random = new((seed * 100) + caller);
            for (int i = 0; i < Requests / Callers; i++)
            {
                (int t, int p) = (random.Next(Tasks), random.Next(Pictures));
                if (random.Next(3) == 0) engine.Prefetch(engine.Find($"task-{random.Next(Tasks)}")!);
                Prediction prediction = await engine.PredictAsync($"task-{t}", pictures[p], Cancellation);
                if (!expected[(t, p)].SequenceEqual(Logits(prediction))) wrong.Add($"task {t}, picture {p}");
            }
        })));
    }

    private static float[] Logits(Prediction prediction) => [.. prediction.Scores.Select(s => s.Logit)];

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return Environment.WorkingSet;
    }
}
