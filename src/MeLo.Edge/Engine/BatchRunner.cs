using System.Diagnostics;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Engine;

/// <summary>
/// Runs images, and the slices of volumes, on the resident graphs. Those of one task on a device go together, with merged weights; a batch of several tasks may share one run with the
/// adapters beside the weights, where that costs less. Not thread-safe: whoever runs has the engine's turn.
/// </summary>
/// <param name="cache">The merged weights.</param>
/// <param name="graph">The engine's own graph; tasks of another never share a mixed run.</param>
/// <param name="loadMixed">Loads the graph of mixed batches; null where there is none.</param>
/// <param name="policy">How batches of several tasks run.</param>
/// <param name="maxBatch">The most pictures in a run: images, or slices of volumes.</param>
/// <param name="renew">Makes everything on the device anew after a run found no memory; null where nothing is left behind by that.</param>
internal sealed class BatchRunner(TaskWeightsCache cache, BaseGraph graph, Func<MixedModel>? loadMixed, BatchPolicy policy, int maxBatch, Action? renew = null) : IDisposable
{
    private readonly BatchCosts _costs = new();
    private MixedModel? _mixed;
    private bool _hasNoRoomForMixed;
    private bool _disposed;
    private int _maxBatch = maxBatch;

    /// <summary>The device memory of adapters that stay for mixed batches, in bytes.</summary>
    public long StackBytes => _mixed?.StackBytes ?? 0;

    /// <summary>Runs every image, and tells of each what came of it, once.</summary>
    public void Run(IReadOnlyList<PredictionRequest> batch, Action<int, RunAnswer> answered, Action<int, Exception> failed, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, typeof(EdgeEngine));
        int[][] groups = [.. Enumerable.Range(0, batch.Count).GroupBy(i => batch[i].Task).Select(g => g.ToArray())];
        bool[] isMixed = Plan(batch, groups);
        int[] mixed = [.. groups.Where((_, g) => isMixed[g]).SelectMany(g => g)];
        foreach (int[] chunk in Chunks(mixed)) TryRun(chunk, Mixed);
        for (int g = 0; g < groups.Length; g++)
            if (!isMixed[g])
                foreach (int[] chunk in Chunks(groups[g])) TryRun(chunk, Merged);

        void TryRun(int[] images, Func<IReadOnlyList<PredictionRequest>, int[], CancellationToken, RunAnswer[]> run, bool again = false)
        {
            RunAnswer[] answers;
            try
            {
                answers = run(batch, images, cancellation);
            }
            catch (ProviderException e) when (e.Fault == ProviderFault.OutOfMemory && !again)
            {
                RunWithLess(images);
                return;
            }
            catch (Exception e)
            {
                foreach (int i in images) failed(i, e);
                return;
            }
            for (int i = 0; i < images.Length; i++) answered(images[i], answers[i]);
        }

        // The other tasks make room, and a smaller run may fit: from now on none is as large as this one. One image alone is tried once more.
        void RunWithLess(int[] images)
        {
            try
            {
                MakeRoom(batch[images[0]].Task);
            }
            catch (Exception e)
            {
                foreach (int i in images) failed(i, e);
                return;
            }
            int pictures = Math.Min(_maxBatch, images.Sum(i => batch[i].Image.Pictures));
            _maxBatch = Math.Max(1, pictures / 4);
            foreach (IGrouping<InstalledTask, int> task in images.GroupBy(i => batch[i].Task))
                foreach (int[] chunk in Chunks([.. task])) TryRun(chunk, Merged, again: pictures == 1);
        }

        // As many images as make a run; a volume that is more than that is run in parts.
        IEnumerable<int[]> Chunks(int[] images)
        {
            List<int> chunk = [];
            int pictures = 0;
            foreach (int i in images)
            {
                if (chunk.Count > 0 && pictures + batch[i].Image.Pictures > _maxBatch)
                {
                    yield return [.. chunk];
                    (chunk, pictures) = ([], 0);
                }
                chunk.Add(i);
                pictures += batch[i].Image.Pictures;
            }
            if (chunk.Count > 0) yield return [.. chunk];
        }
    }

    /// <summary>Gives up whatever can be given up, because the device has no memory left for a task.</summary>
    /// <exception cref="ProviderException">What has to be there was made anew, and found no memory either.</exception>
    public void MakeRoom(InstalledTask task)
    {
        GiveUpMixed();
        cache.MakeRoom(task);
        renew?.Invoke();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        _mixed?.Dispose();
    }

    private bool[] Plan(IReadOnlyList<PredictionRequest> batch, int[][] groups)
    {
        InstalledTask[] tasks = [.. groups.Select(g => batch[g[0]].Task)];
        // A group that does not belong to the graph is as if it were the only one: it is merged. So is one of volumes, which fill runs of their own.
        bool[] may = [.. tasks.Select(t => ReferenceEquals(t.Graph, graph) && t.Description.Input.Volume is null)];
        if (loadMixed is null || _hasNoRoomForMixed || policy == BatchPolicy.Merged || may.Count(m => m) < 2) return new bool[groups.Length];
        if (policy == BatchPolicy.Mixed) return may;
        int[] candidates = [.. Enumerable.Range(0, groups.Length).Where(g => may[g])];
        bool[] chosen = BatchPlan.Choose(
            [.. candidates.Select(g => (groups[g].Length, cache.Has(tasks[g])))], _costs, _mixed?.HasAll(candidates.Select(g => tasks[g])) ?? false);
        bool[] plan = new bool[groups.Length];
        for (int i = 0; i < candidates.Length; i++) plan[candidates[i]] = chosen[i];
        return plan;
    }

    private RunAnswer[] Merged(IReadOnlyList<PredictionRequest> batch, int[] images, CancellationToken cancellation)
    {
        InstalledTask task = batch[images[0]].Task;
        (float[] pixels, long[] shape) = Pixels(batch, images);
        TaskWeights weights = cache.Acquire(task, out SwitchTiming switched);
        try
        {
            _costs.RecordSwitch(switched);
            long start = Stopwatch.GetTimestamp();
            float[] logits = weights.Model.RunMany(weights, pixels, shape, cancellation, _maxBatch);
            double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            _costs.Merged.Record((int)shape[0], milliseconds);
            int classes = logits.Length / images.Length; // of all pictures of one request: those of a task have equally many
            return [.. images.Select((_, i) => new RunAnswer(
                logits.AsSpan(i * classes, classes).ToArray(), i == 0 ? switched : SwitchTiming.None, milliseconds, images.Length, IsMixed: false, IsFirst: i == 0))];
        }
        finally
        {
            weights.Release();
        }
    }

    private RunAnswer[] Mixed(IReadOnlyList<PredictionRequest> batch, int[] images, CancellationToken cancellation)
    {
        MixedModel model = _mixed ??= loadMixed!();
        InstalledTask[] tasks = [.. images.Select(i => batch[i].Task)];
        SwitchTiming switched = SwitchTiming.None;
        if (!model.HasAll(tasks))
        {
            long begin = Stopwatch.GetTimestamp();
            model.Send([.. tasks.Distinct()]);
            double microseconds = Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
            _costs.RecordStack(microseconds / 1000);
            switched = new SwitchTiming(SwitchKind.Cold, TaskChanged: true, 0, 0, 0, BindMicroseconds: microseconds, microseconds);
        }
        (float[] pixels, long[] shape) = Pixels(batch, images);
        long start = Stopwatch.GetTimestamp();
        float[][] logits = model.Run(tasks, pixels, shape, cancellation);
        double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        _costs.Mixed.Record(images.Length, milliseconds);
        return [.. logits.Select((values, i) => new RunAnswer(values, i == 0 ? switched : SwitchTiming.None, milliseconds, images.Length, IsMixed: true, IsFirst: i == 0))];
    }

    // The device is full: two graphs are more than it holds.
    private void GiveUpMixed()
    {
        if (_mixed is null) return;
        _mixed.Dispose();
        _mixed = null;
        _hasNoRoomForMixed = true;
    }

    private static (float[] Pixels, long[] Shape) Pixels(IReadOnlyList<PredictionRequest> batch, int[] images)
    {
        PreparedImage first = batch[images[0]].Image;
        long[] shape = [images.Length * first.Pictures, 3, first.Input.Preprocess.Size, first.Input.Preprocess.Size];
        if (images.Length == 1) return (first.Pixels, shape);
        float[] pixels = GC.AllocateUninitializedArray<float>(images.Length * first.Pixels.Length);
        for (int i = 0; i < images.Length; i++) batch[images[i]].Image.Pixels.CopyTo(pixels, i * first.Pixels.Length);
        return (pixels, shape);
    }
}

/// <summary>What a run gave for one image.</summary>
/// <param name="Logits">[classes]; of a volume [slices, classes].</param>
/// <param name="Switch">What changing to the run's tasks took, for its first image; nothing for the others.</param>
/// <param name="Milliseconds">What the run took, for all its images together.</param>
/// <param name="Images">How many shared it.</param>
/// <param name="IsMixed">Whether they had their adapters beside the weights.</param>
/// <param name="IsFirst">Whether it is the run's first image: what is counted a run is counted for that one.</param>
internal readonly record struct RunAnswer(float[] Logits, SwitchTiming Switch, double Milliseconds, int Images, bool IsMixed, bool IsFirst);
