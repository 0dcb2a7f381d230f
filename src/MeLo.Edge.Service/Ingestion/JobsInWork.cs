using System.Collections.Concurrent;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>The jobs between parsing and their commit: the same content under another name waits here for the first to end.</summary>
internal sealed class JobsInWork
{
    private readonly ConcurrentDictionary<JobKey, TaskCompletionSource> _jobs = new();

    /// <summary>Takes a job; false when it is in work already.</summary>
    public bool TryBegin(JobKey key) => _jobs.TryAdd(key, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>Ends a job, whichever way.</summary>
    public void End(JobKey key)
    {
        if (_jobs.TryRemove(key, out TaskCompletionSource? done)) done.SetResult();
    }

    /// <summary>Waits until a job is not in work.</summary>
    public async Task WhenEndedAsync(JobKey key, CancellationToken cancellationToken)
    {
        while (_jobs.TryGetValue(key, out TaskCompletionSource? done)) await done.Task.WaitAsync(cancellationToken);
    }
}
