using System.Diagnostics.CodeAnalysis;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>
/// Which image comes next. Urgent ones (STAT) before routine ones; among those of one priority, a task's turn lasts as many images as make
/// the change of task cheap, and then the oldest image's task has its turn.
/// </summary>
/// <remarks>Safe for concurrent use. Deterministic: the same calls at the same times with the same costs give the same order.</remarks>
internal sealed class JobSchedule(TimeSpan maxWait, int capacity, DeviceCosts costs, TimeProvider time) : IDisposable
{
    /// <summary>A turn lasts until the change of task has cost at most this share of it.</summary>
    internal const double SwitchShare = 0.02;

    /// <summary>A turn's length while nothing has been measured: with a merge of some milliseconds and a run of 100, a switch costs under 2 %.</summary>
    internal const int UnmeasuredTurn = 8;

    /// <summary>After this many urgent images in a row, one routine image goes if it has waited longer than the limit: it is never shut out.</summary>
    internal const int StatRun = 8;

    private readonly Lock _lock = new();
    private readonly TaskQueues _stat = new(capacity);
    private readonly TaskQueues _routine = new(capacity);
    private readonly SemaphoreSlim _available = new(0);
    private string? _current;
    private int _turn;
    private int _statRun;

    /// <summary>How many images are queued, by task and priority.</summary>
    public IReadOnlyDictionary<(string Task, Priority Priority), int> Lengths
    {
        get
        {
            lock (_lock)
            {
                return _stat.Counts.Select(q => ((q.Key, Priority.Stat), q.Value))
                    .Concat(_routine.Counts.Select(q => ((q.Key, Priority.Routine), q.Value))).ToDictionary();
            }
        }
    }

    /// <summary>Queues an image, unless its task's queue of its priority is full.</summary>
    public bool TryAdd(InboxFile file)
    {
        lock (_lock)
        {
            if (!Queues(file.Priority).TryAdd(new QueuedFile(file, time.GetTimestamp()))) return false;
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
            file = null;
            Priority priority = StatIsNext() ? Priority.Stat : Priority.Routine;
            TaskQueues queues = Queues(priority);
            if (Next(queues) is not string task) return false;
            _statRun = priority == Priority.Stat ? _statRun + 1 : 0;
            _turn = task == _current ? _turn + 1 : 1;
            _current = task;
            file = queues.Take(task);
            return true;
        }
    }

    /// <summary>The task whose turn will follow the current one's, if any waits: its weights can be merged ahead of time.</summary>
    public string? FollowingTask
    {
        get
        {
            lock (_lock) return _stat.TryOldest(out string? task, except: _current) || _routine.TryOldest(out task, except: _current) ? task : null;
        }
    }

    /// <summary>Empties a task's queues: its images wait in the inbox.</summary>
    public IReadOnlyList<QueuedFile> Clear(string task)
    {
        lock (_lock) return [.. _stat.Clear(task), .. _routine.Clear(task)];
    }

    public void Dispose() => _available.Dispose();

    private TaskQueues Queues(Priority priority) => priority == Priority.Stat ? _stat : _routine;

    private bool StatIsNext()
    {
        if (_stat.Waiting == 0) return false;
        return _statRun < StatRun || !_routine.TryOldest(out string? oldest) || !IsOverdue(_routine, oldest);
    }

    private string? Next(TaskQueues queues)
    {
        if (!queues.TryOldest(out string? oldest) || _current is null || queues.Count(_current) == 0 || oldest == _current) return oldest;
        if (_turn < Turn(_current, queues.Waiting) && (!IsOverdue(queues, oldest) || IsOverdue(queues, _current))) return _current;
        return FinishingPays(queues, oldest) ? _current : oldest;
    }

    // The turns of all tasks that wait take at most the limit together: a costly switch must not make the wait for a turn long.
    private int Turn(string task, int waiting)
    {
        if (costs.SwitchMilliseconds is not double change || costs.InferenceMilliseconds(task) is not double inference || inference <= 0) return UnmeasuredTurn;
        double most = Math.Max(1, maxWait.TotalMilliseconds / (waiting * inference));
        return (int)Math.Min(Math.Ceiling(change / (SwitchShare * inference)), most);
    }

    // Leaving a few images costs a change of task to come back to them. Where that is longer than answering them, they are answered
    // first; new ones that keep arriving cannot draw this out longer than that one change.
    private bool FinishingPays(TaskQueues queues, string oldest)
    {
        if (costs.SwitchMilliseconds is not double change || costs.InferenceMilliseconds(_current!) is not double inference) return false;
        return queues.Count(_current!) * inference <= change
            && time.GetElapsedTime(queues.Head(oldest)) <= maxWait + TimeSpan.FromMilliseconds(change);
    }

    private bool IsOverdue(TaskQueues queues, string task) => time.GetElapsedTime(queues.Head(task)) > maxWait;
}
