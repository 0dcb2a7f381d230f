using System.Diagnostics.CodeAnalysis;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// Which image comes next. Images of one task follow each other, so that a mixed inbox does not change task for every image; a task
/// whose oldest image has waited longer than the limit goes first, so that none starves.
/// </summary>
/// <remarks>Safe for concurrent use. Deterministic: the same calls at the same times give the same order.</remarks>
internal sealed class JobSchedule(TimeSpan maxWait, int capacity, TimeProvider time) : IDisposable
{
    /// <summary>
    /// When every task is overdue, oldest-first would change task for almost every image, just when there is no time to waste.
    /// So a turn that has begun lasts at least this many images: with a merge of some milliseconds and a run of 100, a switch then
    /// costs under 2 % of the turn.
    /// </summary>
    internal const int ShortestTurn = 8;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, Queue<QueuedFile>> _queues = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _available = new(0);
    private string? _current;
    private int _turn;

    /// <summary>How many images are queued, by task.</summary>
    public IReadOnlyDictionary<string, int> Counts
    {
        get { lock (_lock) return _queues.Where(q => q.Value.Count > 0).ToDictionary(q => q.Key, q => q.Value.Count); }
    }

    /// <summary>How many images are queued.</summary>
    public int Count
    {
        get { lock (_lock) return _queues.Values.Sum(q => q.Count); }
    }

    /// <summary>Queues an image, unless its task's queue is full.</summary>
    public bool TryAdd(InboxFile file)
    {
        lock (_lock)
        {
            if (!_queues.TryGetValue(file.Task, out Queue<QueuedFile>? queue)) _queues[file.Task] = queue = new Queue<QueuedFile>();
            if (queue.Count >= capacity) return false;
            queue.Enqueue(new QueuedFile(file, time.GetTimestamp()));
        }
        _available.Release();
        return true;
    }

    /// <summary>Waits for the next image and takes it.</summary>
    public async Task<QueuedFile> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _available.WaitAsync(cancellationToken);
            if (TryTake(out QueuedFile? file)) return file;
        }
    }

    /// <summary>Takes the next image, if there is one.</summary>
    public bool TryTake([NotNullWhen(true)] out QueuedFile? file)
    {
        lock (_lock)
        {
            string? task = Next();
            file = null;
            if (task is null) return false;
            _turn = task == _current ? _turn + 1 : 1;
            _current = task;
            file = _queues[task].Dequeue();
            return true;
        }
    }

    /// <summary>The task whose turn will follow the current one's, if any waits: its weights can be merged ahead of time.</summary>
    public string? FollowingTask
    {
        get { lock (_lock) return OldestHead(except: _current); }
    }

    /// <summary>Empties a task's queue: its images wait in the inbox.</summary>
    public IReadOnlyList<QueuedFile> Clear(string task)
    {
        lock (_lock)
        {
            if (!_queues.Remove(task, out Queue<QueuedFile>? queue)) return [];
            return [.. queue];
        }
    }

    public void Dispose() => _available.Dispose();

    private string? Next()
    {
        bool currentHasWork = _current is not null && _queues.TryGetValue(_current, out Queue<QueuedFile>? queue) && queue.Count > 0;
        string? oldest = OldestHead(except: null);
        if (!currentHasWork || oldest is null) return oldest;
        bool turnMayEnd = _turn >= ShortestTurn || !IsOverdue(_current!);
        return turnMayEnd && IsOverdue(oldest) ? oldest : _current;
    }

    private bool IsOverdue(string task) => time.GetElapsedTime(_queues[task].Peek().QueuedAt) > maxWait;

    // Ties go to the task whose name comes first: the dictionary is sorted and only a strictly older head replaces the best.
    private string? OldestHead(string? except)
    {
        string? oldest = null;
        foreach ((string task, Queue<QueuedFile> queue) in _queues)
        {
            if (queue.Count == 0 || task == except) continue;
            if (oldest is null || queue.Peek().QueuedAt < _queues[oldest].Peek().QueuedAt) oldest = task;
        }
        return oldest;
    }
}
