using System.Collections.Concurrent;
using MeLo.Edge.Engine;

namespace MeLo.Edge.Service.Bundles;

/// <summary>
/// The tasks whose images are worked on: those whose bundle is active <em>and</em> recorded as such in the journal, so that no
/// result ever comes from a release the journal does not know.
/// </summary>
internal sealed class InstalledTasks
{
    private readonly ConcurrentDictionary<string, InstalledTask> _tasks = new(StringComparer.Ordinal);

    /// <summary>The active task of that name.</summary>
    public InstalledTask? Find(string task) => _tasks.GetValueOrDefault(task);

    /// <summary>All of them, by name.</summary>
    public IReadOnlyList<InstalledTask> All => [.. _tasks.Values.OrderBy(t => t.Task, StringComparer.Ordinal)];

    public void Publish(InstalledTask task) => _tasks[task.Task] = task;

    public bool Retire(string task) => _tasks.TryRemove(task, out _);
}
