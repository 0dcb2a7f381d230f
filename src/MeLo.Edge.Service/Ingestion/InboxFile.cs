using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>A regular file seen in an inbox.</summary>
/// <param name="Task">The task whose inbox it is in.</param>
/// <param name="Name">Its file name.</param>
/// <param name="Path">Its full path.</param>
/// <param name="Stamp">The state it was seen in.</param>
/// <param name="Priority">How urgent it is: which of the task's two folders it is in.</param>
internal sealed record InboxFile(string Task, string Name, string Path, FileStamp Stamp, Priority Priority = Priority.Routine)
{
    /// <summary>Where it is, as a key: one file at a time can be there.</summary>
    public (string Task, Priority Priority, string Name) Place => (Task, Priority, Name);
}

/// <summary>A stable file that waits for its task's turn.</summary>
/// <param name="File">The file.</param>
/// <param name="QueuedAt">When it was queued, as <see cref="TimeProvider.GetTimestamp"/> counts.</param>
internal sealed record QueuedFile(InboxFile File, long QueuedAt);
