using System.Collections.Concurrent;
using MeLo.Edge.Bundles;
using MeLo.Edge.Engine;

namespace MeLo.Edge.Tests.Engine;

public sealed class EdgeEngineConcurrencyTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ReleasesThatChangeUnderConcurrentPredictions_NeverMixTheirAnswers()
    {
        const int Tasks = 3, Releases = 12, Callers = 64;
        // One task fits: prefetches, installs and requests evict each other all the time.
        using EdgeEngine engine = fixture.Load(new EdgeEngineOptions { Threads = 2, CacheBytes = fixture.TaskBytes });
        // Prepared once: all bundles of the fixture have one recipe.
        PreparedImage image = engine.Prepare(engine.Install(fixture.Bundle("first", seed: 1)), EngineFixture.Picture(1));
        Bundle[,] bundles = new Bundle[Tasks, Releases];
        ConcurrentDictionary<string, float[]> expected = [];
        for (int t = 0; t < Tasks; t++)
        {
            for (int r = 0; r < Releases; r++)
            {
                int seed = (t * Releases) + r;
                Bundle bundle = bundles[t, r] = fixture.Bundle($"task-{t}", seed, release: r + 1);
                expected[bundle.Digest] = engine.Evaluate(bundle.Adapter, image.Pixels, [1, 3, 32, 32], Cancellation);
            }
            engine.Install(bundles[t, 0]);
        }

        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        ConcurrentDictionary<string, int> answered = [];
        Task[] callers = [.. Enumerable.Range(0, Callers).Select(i => Task.Run(async () =>
        {
            Random random = new(i);
            while (!stop.IsCancellationRequested)
            {
                InstalledTask? task = engine.Find($"task-{random.Next(Tasks)}");
                if (random.Next(2) == 0 && engine.Find($"task-{random.Next(Tasks)}") is { } next) engine.Prefetch(next);
                if (task is null) continue; // retired just now
                Prediction prediction = await engine.PredictAsync(task, image, Cancellation);
                Assert.Equal((task.Task, task.Release, task.BundleDigest), (prediction.Task, prediction.Release, prediction.BundleDigest));
                Assert.Equal(expected[prediction.BundleDigest], prediction.Scores.Select(s => s.Logit));
                answered.AddOrUpdate(prediction.BundleDigest, 1, (_, n) => n + 1);
            }
        }, Cancellation))];
        for (int r = 1; r < Releases; r++)
        {
            for (int t = 0; t < Tasks; t++)
            {
                if (r % 4 == 0) Assert.True(engine.Retire($"task-{t}"));
                Bundle bundle = bundles[t, r];
                await Task.Run(() => engine.Install(bundle), Cancellation);
            }
            await Task.Delay(20, Cancellation);
        }
        await stop.CancelAsync();
        await Task.WhenAll(callers);

        Assert.True(answered.Count > Tasks, $"{answered.Count} of {Tasks * Releases} releases answered");
        Assert.InRange(engine.Statistics.CacheBytes, 0, fixture.TaskBytes);
    }

    [Fact]
    public async Task Dispose_UnderRequestsAndPrefetches_LetsTheRunEnd_AndFailsTheOthers()
    {
        EdgeEngine engine = fixture.Load();
        InstalledTask[] tasks = [.. Enumerable.Range(0, 8).Select(i => engine.Install(fixture.Bundle($"task-{i}", seed: i)))];
        PreparedImage image = engine.Prepare(tasks[0], EngineFixture.Picture(1));
        Task<Prediction>[] requests = [.. Enumerable.Range(0, 64).Select(i => engine.PredictAsync(tasks[i % tasks.Length], image, Cancellation))];
        foreach (InstalledTask task in tasks) engine.Prefetch(task);

        await Task.Run(engine.Dispose, Cancellation);

        foreach (Task<Prediction> request in requests)
        {
            // In time: nobody is left waiting for a turn that never comes.
            await Task.WhenAny(request, Task.Delay(TimeSpan.FromSeconds(30), Cancellation));
            Assert.True(request.IsCompletedSuccessfully || request.Exception?.InnerException is ObjectDisposedException, $"found {request.Status}");
        }
        Assert.Throws<ObjectDisposedException>(() => engine.Prefetch(tasks[0]));
        Assert.Throws<ObjectDisposedException>(() => engine.Evaluate(fixture.Adapter(1), image.Pixels, [1, 3, 32, 32], Cancellation));
    }
}
