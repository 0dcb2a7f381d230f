using System.Diagnostics.CodeAnalysis;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>The images of one priority, by task, oldest first. Not safe for concurrent use: it belongs to the schedule.</summary>
internal sealed class TaskQueues(int capacity)
{
    private readonly SortedDictionary<string, Queue<QueuedFile>> _queues = new(StringComparer.Ordinal);

    /// <summary>How many tasks have images.</summary>
    public int Waiting => _queues.Count;

    /// <summary>How many images each task has; tasks without any are not in it.</summary>
    public IEnumerable<KeyValuePair<string, int>> Counts => _queues.Select(q => KeyValuePair.Create(q.Key, q.Value.Count));

    public int Count(string task) => _queues.TryGetValue(task, out Queue<QueuedFile>? queue) ? queue.Count : 0;

    /// <summary>When a task's oldest image was queued.</summary>
    public long Head(string task) => _queues[task].Peek().QueuedAt;

    public bool TryAdd(QueuedFile file)
    {
        if (!_queues.TryGetValue(file.File.Task, out Queue<QueuedFile>? queue)) _queues[file.File.Task] = queue = new Queue<QueuedFile>();
        if (queue.Count >= capacity) return false;
        queue.Enqueue(file);
        return true;
    }

    public QueuedFile Take(string task)
    {
        QueuedFile file = _queues[task].Dequeue();
        if (_queues[task].Count == 0) _queues.Remove(task);
        return file;
    }

    public IEnumerable<QueuedFile> Clear(string task) => _queues.Remove(task, out Queue<QueuedFile>? queue) ? queue : [];

    /// <summary>The task whose oldest image is the oldest. Ties go to the task whose name comes first: the dictionary is sorted.</summary>
    public bool TryOldest([NotNullWhen(true)] out string? oldest, string? except = null)
    {
        oldest = null;
        long head = long.MaxValue;
        foreach ((string task, Queue<QueuedFile> queue) in _queues)
        {
            if (task == except || queue.Peek().QueuedAt >= head) continue;
            oldest = task;
            head = queue.Peek().QueuedAt;
        }
        return oldest is not null;
    }
}
