using System.Diagnostics;
using MeLo.Edge.Native;

namespace MeLo.Edge.Engine;

/// <summary>
/// The most recently used task weights within a byte budget. A hit costs a dictionary look-up, however many tasks are
/// installed. A task that several callers ask for at once is merged once. Thread-safe.
/// </summary>
internal sealed class TaskWeightsCache(ResidentModel model, long budget) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly WeightBuffers _buffers = new(budget);
    private readonly Dictionary<InstalledTask, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new(); // the most recently used first
    private long _cachedBytes;
    private bool _disposed;

    /// <summary>The weights that the last switch ended at; only compared, never used.</summary>
    private InstalledTask? _last;

    public int Count
    {
        get
        {
            lock (_lock) return _entries.Count;
        }
    }

    /// <summary>The bytes of all tasks in the cache.</summary>
    public long CachedBytes => Volatile.Read(ref _cachedBytes);

    /// <summary>The bytes of all buffers, rented or spare.</summary>
    public long BufferBytes => _buffers.TotalBytes;

    /// <summary>A lease on the task's weights, merged now unless they are cached; the caller releases it after its run.</summary>
    public TaskWeights Acquire(InstalledTask task, out SwitchTiming timing)
    {
        long start = Stopwatch.GetTimestamp();
        bool changed = !ReferenceEquals(Interlocked.Exchange(ref _last, task), task);
        while (true)
        {
            Entry entry = FindOrAdd(task, keepNewest: false, out bool mine)!;
            double allocate = 0;
            ResidentModel.MergeCost cost = default;
            bool waited = !mine && !entry.Merged.Task.IsCompleted;
            if (mine) Merge(task, entry, model.Threads, out allocate, out cost);
            TaskWeights weights = entry.Merged.Task.GetAwaiter().GetResult();
            // Evicted between the look-up and here: look again.
            if (!weights.TryLease()) continue;
            double total = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            double lookup = Math.Max(0, total - allocate - cost.MergeMicroseconds - cost.BindMicroseconds);
            SwitchKind kind = mine || waited ? SwitchKind.Cold : SwitchKind.Warm;
            timing = new SwitchTiming(kind, changed, lookup, allocate, cost.MergeMicroseconds, cost.BindMicroseconds, total);
            return weights;
        }
    }

    /// <summary>
    /// Merges in the background, on one thread beside the current run, unless the task is cached or being merged. Where the budget
    /// holds one task only this does nothing: the task in use would have to go, and be merged again for its next image.
    /// </summary>
    /// <returns>Completes when the task is merged; nobody needs to wait for it, <see cref="Acquire"/> does.</returns>
    public Task Prefetch(InstalledTask task)
    {
        if (FindOrAdd(task, keepNewest: true, out bool mine) is not { } entry) return Task.CompletedTask;
        // A failure lives in the entry, which is gone by then: whoever needs the task merges again and sees the reason.
        if (mine) ThreadPool.UnsafeQueueUserWorkItem(static s => s.Cache.TryMerge(s.Task, s.Entry), (Cache: this, Task: task, Entry: entry), preferLocal: false);
        return entry.Merged.Task;
    }

    /// <summary>Lets go of a task that was replaced or retired.</summary>
    public void Remove(InstalledTask task)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(task, out LinkedListNode<Entry>? node)) Evict(node);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            while (_byUse.First is { } node) Evict(node);
        }
        _buffers.Dispose();
    }

    // Null when the entry is not there and could be added only in place of the most recently used one, which is to be kept.
    private Entry? FindOrAdd(InstalledTask task, bool keepNewest, out bool added)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            added = false;
            if (_entries.TryGetValue(task, out LinkedListNode<Entry>? node))
            {
                if (node.Previous is not null)
                {
                    _byUse.Remove(node);
                    _byUse.AddFirst(node);
                }
                return node.Value;
            }
            long bytes = ResidentModel.MergedBytes(task.Adapter);
            // Room is made first, so that the buffer of the task that was used longest ago can serve this merge.
            while (_byUse.Last is { } oldest && _cachedBytes + bytes > budget)
            {
                if (keepNewest && ReferenceEquals(oldest, _byUse.First)) return null;
                Evict(oldest);
            }
            Entry entry = new(task, bytes);
            _entries.Add(task, _byUse.AddFirst(entry));
            _cachedBytes += bytes;
            added = true;
            return entry;
        }
    }

    private void TryMerge(InstalledTask task, Entry entry)
    {
        try
        {
            Merge(task, entry, threads: 1, out _, out _);
        }
        catch (Exception) when (entry.Merged.Task.IsFaulted)
        {
            _ = entry.Merged.Task.Exception; // observed
        }
    }

    private void Merge(InstalledTask task, Entry entry, int threads, out double allocateMicroseconds, out ResidentModel.MergeCost cost)
    {
        HostBuffer? buffer = null;
        try
        {
            long start = Stopwatch.GetTimestamp();
            buffer = _buffers.Rent(entry.Bytes);
            allocateMicroseconds = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            entry.Merged.SetResult(model.Merge(task.Adapter, buffer, _buffers, threads, out cost));
        }
        catch (Exception e)
        {
            if (buffer is not null) _buffers.Return(buffer);
            lock (_lock)
            {
                if (_entries.TryGetValue(task, out LinkedListNode<Entry>? node) && ReferenceEquals(node.Value, entry)) Forget(node);
            }
            entry.Merged.SetException(e);
            throw;
        }
        _buffers.KeepSpare(entry.Bytes);
    }

    private void Evict(LinkedListNode<Entry> node)
    {
        Forget(node);
        // The cache's own lease ends; the memory returns when the last run is through. A merge under way ends first.
        node.Value.Merged.Task.ContinueWith(
            static merged => merged.Result.Release(), CancellationToken.None,
            TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void Forget(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _entries.Remove(node.Value.Task);
        _cachedBytes -= node.Value.Bytes;
    }

    /// <summary>A task in the cache: merged, or being merged.</summary>
    private sealed class Entry(InstalledTask task, long bytes)
    {
        public InstalledTask Task { get; } = task;

        public long Bytes { get; } = bytes;

        // Continuations of waiting callers must not run on the merging thread.
        public TaskCompletionSource<TaskWeights> Merged { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
