using System.Diagnostics;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Engine;

/// <summary>
/// The most recently used task weights within a byte budget. A hit costs a dictionary look-up, however many tasks are
/// installed. A task that several callers ask for at once is merged once. The budget counts the tasks of every graph. Thread-safe.
/// </summary>
/// <param name="budget">The most bytes of merged weights to keep, on a device those of its memory; one task is always kept.</param>
/// <param name="merger">A merger of the engine's provider.</param>
internal sealed class TaskWeightsCache(long budget, TaskMerger merger) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly WeightBuffers _buffers = new(budget, merger);
    private readonly Dictionary<InstalledTask, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new(); // the most recently used first
    private readonly HashSet<Entry> _merging = [];     // evicted ones too: they end before the model goes
    private long _cachedBytes;
    private long _budget = budget;
    private bool _suspended;
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

    /// <summary>Whether the task's weights are there, so that a switch to it would be warm.</summary>
    public bool Has(InstalledTask task)
    {
        lock (_lock) return _entries.TryGetValue(task, out LinkedListNode<Entry>? node) && node.Value.Merged.Task.IsCompletedSuccessfully;
    }

    /// <summary>A lease on the task's weights, merged now unless they are cached; the caller releases it after its run.</summary>
    public TaskWeights Acquire(InstalledTask task, out SwitchTiming timing)
    {
        long start = Stopwatch.GetTimestamp();
        bool changed = !ReferenceEquals(Interlocked.Exchange(ref _last, task), task);
        while (true)
        {
            Entry entry = FindOrBegin(task, out bool mine);
            double allocate = 0;
            ResidentModel.MergeCost cost = default;
            bool waited = !mine && !entry.Merged.Task.IsCompleted;
            TaskWeights? weights = mine ? Merge(entry, threads: null, out allocate, out cost) : entry.Merged.Task.GetAwaiter().GetResult();
            // Another's merge that failed, or weights that were evicted since the look-up: look again.
            if (weights is null || (!mine && !weights.TryLease())) continue;
            double total = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            double lookup = Math.Max(0, total - allocate - cost.MergeMicroseconds - cost.BindMicroseconds);
            SwitchKind kind = mine || waited ? SwitchKind.Cold : SwitchKind.Warm;
            timing = new SwitchTiming(kind, changed, lookup, allocate, cost.MergeMicroseconds, cost.BindMicroseconds, total);
            return weights;
        }
    }

    /// <summary>
    /// Merges in the background, on one thread beside the current run, unless the task is cached or being merged. The task in use is
    /// never evicted for it, so where the budget holds one task only this does nothing.
    /// </summary>
    /// <returns>Completes when the task is merged, or will not be; nobody needs to wait for it, <see cref="Acquire"/> does.</returns>
    public Task Prefetch(InstalledTask task)
    {
        if (Volatile.Read(ref _suspended) || FindOrAdd(task, prefetch: true, out bool added) is not { } entry) return Task.CompletedTask;
        if (added) ThreadPool.UnsafeQueueUserWorkItem(static s => s.Cache.MergeInBackground(s.Entry), (Cache: this, Entry: entry), preferLocal: false);
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

    /// <summary>
    /// Gives up every task but one, and every buffer that nobody uses, because the device has no memory left. From now on less is kept: what was there is
    /// more than the device holds.
    /// </summary>
    public void MakeRoom(InstalledTask task)
    {
        long budget;
        lock (_lock)
        {
            _budget = budget = Math.Min(_budget, Math.Max(0, _cachedBytes - task.MergedBytes));
            for (LinkedListNode<Entry>? node = _byUse.First, next; node is not null; node = next)
            {
                next = node.Next;
                if (!ReferenceEquals(node.Value.Task, task)) Evict(node);
            }
        }
        _buffers.Shrink(budget);
    }

    /// <summary>Gives up everything, and has nothing merged, while <paramref name="action"/> runs. Not while a caller acquires.</summary>
    public void WhileEmpty(Action action)
    {
        Volatile.Write(ref _suspended, true);
        try
        {
            Task.WaitAll(EvictAll());
            _buffers.Shrink(long.MaxValue);
            action();
        }
        finally
        {
            Volatile.Write(ref _suspended, false);
        }
    }

    /// <summary>Frees what is not leased. Merges under way end first: they read the model, which is freed next.</summary>
    public void Dispose()
    {
        lock (_lock) _disposed = true;
        Task.WaitAll(EvictAll());
        _buffers.Dispose();
    }

    // The merges under way, whose weights are let go as soon as they are there.
    private Task[] EvictAll()
    {
        lock (_lock)
        {
            while (_byUse.First is { } node) Evict(node);
            return [.. _merging.Select(e => e.Merged.Task)];
        }
    }

    // A prefetch that has not begun yet is begun here, with all threads, rather than waited for.
    private Entry FindOrBegin(InstalledTask task, out bool mine)
    {
        lock (_lock)
        {
            Entry entry = FindOrAdd(task, prefetch: false, out _)!;
            mine = TryBegin(entry);
            return entry;
        }
    }

    // Null when a prefetched entry could be added only in place of the most recently used one.
    private Entry? FindOrAdd(InstalledTask task, bool prefetch, out bool added)
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
                    Insert(node, prefetch);
                }
                return node.Value;
            }
            long bytes = task.MergedBytes;
            // Room is made first, so that the buffer of the task that was used longest ago can serve this merge.
            while (_byUse.Last is { } oldest && _cachedBytes + bytes > _budget)
            {
                if (prefetch && ReferenceEquals(oldest, _byUse.First)) return null;
                Evict(oldest);
            }
            node = new LinkedListNode<Entry>(new Entry(task, bytes));
            _entries.Add(task, node);
            Insert(node, prefetch);
            _cachedBytes += bytes;
            added = true;
            return node.Value;
        }
    }

    // A prefetch stands behind the task in use, so that the next prefetch evicts it and not that task.
    private void Insert(LinkedListNode<Entry> node, bool prefetch)
    {
        if (prefetch && _byUse.First is { } inUse) _byUse.AddAfter(inUse, node);
        else _byUse.AddFirst(node);
    }

    // True for one caller, which then merges.
    private bool TryBegin(Entry entry)
    {
        lock (_lock)
        {
            if (entry.HasBegun) return false;
            entry.HasBegun = true;
            return _merging.Add(entry);
        }
    }

    private void MergeInBackground(Entry entry)
    {
        if (!TryBegin(entry)) return;
        try
        {
            Merge(entry, threads: 1, out _, out _).Release();
        }
        catch (Exception)
        {
            // The entry is gone by now: whoever needs the task merges again, and is told why that fails.
        }
    }

    // The result carries a lease for the caller, taken before anyone can evict it. Threads: null for all that the model runs with.
    private TaskWeights Merge(Entry entry, int? threads, out double allocateMicroseconds, out ResidentModel.MergeCost cost)
    {
        TaskWeights? weights = null;
        try
        {
            try
            {
                weights = Merge(entry, out allocateMicroseconds, out cost);
            }
            catch (ProviderException e) when (e.Fault == ProviderFault.OutOfMemory)
            {
                MakeRoom(entry.Task);
                weights = Merge(entry, out allocateMicroseconds, out cost);
            }
            weights.TryLease();
        }
        finally
        {
            lock (_lock)
            {
                _merging.Remove(entry);
                if (weights is null && _entries.TryGetValue(entry.Task, out LinkedListNode<Entry>? node) && ReferenceEquals(node.Value, entry)) Forget(node);
            }
            entry.Merged.SetResult(weights);
        }
        _buffers.KeepSpare(entry.Bytes);
        return weights;

        TaskWeights Merge(Entry entry, out double allocateMicroseconds, out ResidentModel.MergeCost cost)
        {
            using ResidentModel model = entry.Task.Graph.Hold();
            long start = Stopwatch.GetTimestamp();
            TaskBuffer buffer = _buffers.Rent(entry.Bytes);
            allocateMicroseconds = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            return model.Merge(entry.Task.Adapter, buffer, _buffers, threads ?? model.Threads, out cost);
        }
    }

    private void Evict(LinkedListNode<Entry> node)
    {
        Forget(node);
        if (!node.Value.HasBegun)
        {
            node.Value.HasBegun = true;
            node.Value.Merged.SetResult(null);
            return;
        }
        // The cache's own lease ends; the memory returns when the last run is through. A merge under way ends first.
        node.Value.Merged.Task.ContinueWith(
            static merged => merged.Result?.Release(), CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void Forget(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _entries.Remove(node.Value.Task);
        _cachedBytes -= node.Value.Bytes;
    }

    /// <summary>A task in the cache: merged, being merged, or waiting for its prefetch to begin.</summary>
    private sealed class Entry(InstalledTask task, long bytes)
    {
        public InstalledTask Task { get; } = task;

        public long Bytes { get; } = bytes;

        /// <summary>Whether somebody merges it, has merged it, or must not any more; under the cache's lock.</summary>
        public bool HasBegun { get; set; }

        // Null when the merge failed or never began. Continuations of waiting callers must not run on the merging thread.
        public TaskCompletionSource<TaskWeights?> Merged { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
