namespace MeLo.Edge.Engine;

/// <summary>
/// Buffers for merged task weights, reused: a fresh one costs more in page faults than the merge itself. On the host one spare buffer is kept ready beside
/// the cache's budget, backed by memory, so that the next merge waits neither for the system nor for a run to end. Thread-safe.
/// </summary>
/// <param name="budget">The bytes that the cache may hold; buffers take at most one more than that, and those of evicted weights still in use.</param>
/// <param name="merger">Whose merges they are for.</param>
internal sealed class WeightBuffers(long budget, TaskMerger merger) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<TaskBuffer> _free = [];
    private long _budget = budget;
    private long _total;
    private bool _growing;
    private bool _disposed;

    /// <summary>All memory held, rented or free.</summary>
    public long TotalBytes => Volatile.Read(ref _total);

    /// <summary>A buffer of exactly this length. Its content is undefined. It is returned with <see cref="Return"/>.</summary>
    /// <exception cref="OutOfMemoryException">The system has no such block.</exception>
    public TaskBuffer Rent(long byteLength)
    {
        lock (_lock)
        {
            int index = _free.FindIndex(b => b.ByteLength == byteLength);
            if (index >= 0)
            {
                TaskBuffer buffer = _free[index];
                _free.RemoveAt(index);
                return buffer;
            }
            // Buffers of other lengths make way before memory is added.
            while (_free.Count > 0) Drop(_free[^1]);
            _total += byteLength;
        }
        try
        {
            return merger.CreateBuffer(byteLength);
        }
        catch
        {
            lock (_lock) _total -= byteLength;
            throw;
        }
    }

    /// <summary>Takes a buffer back: it serves the next merge, or is freed when memory is over the budget.</summary>
    public void Return(TaskBuffer buffer)
    {
        lock (_lock)
        {
            _free.Add(buffer);
            if (_total > _budget + buffer.ByteLength || _disposed) Drop(buffer);
        }
    }

    /// <summary>Frees every buffer that nobody uses, and keeps no more than a smaller budget from now on.</summary>
    public void Shrink(long budget)
    {
        lock (_lock)
        {
            _budget = Math.Min(_budget, budget);
            while (_free.Count > 0) Drop(_free[^1]);
        }
    }

    /// <summary>Has a spare buffer made and backed by memory in the background, unless one is free or the budget is spent.</summary>
    public void KeepSpare(long byteLength)
    {
        lock (_lock)
        {
            if (!merger.WantsSpareBuffer || _growing || _disposed || _free.Count > 0 || _total > _budget) return;
            _growing = true;
            _total += byteLength;
        }
        ThreadPool.UnsafeQueueUserWorkItem(static state => state.Buffers.Grow(state.Length), (Buffers: this, Length: byteLength), preferLocal: false);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            while (_free.Count > 0) Drop(_free[^1]);
        }
    }

    private void Grow(long byteLength)
    {
        TaskBuffer? buffer = null;
        try
        {
            buffer = merger.CreateBuffer(byteLength);
            buffer.Prefault();
        }
        catch (OutOfMemoryException)
        {
            // The spare is a convenience; the next merge asks again and reports the failure.
        }
        lock (_lock)
        {
            _growing = false;
            if (buffer is null)
            {
                _total -= byteLength;
                return;
            }
            _free.Add(buffer);
            if (_total > _budget + byteLength || _disposed) Drop(buffer);
        }
    }

    private void Drop(TaskBuffer buffer)
    {
        _free.Remove(buffer);
        _total -= buffer.ByteLength;
        buffer.Dispose();
    }
}
