using MeLo.Edge.Service.Files;

namespace MeLo.Edge.Service.Ingestion;

/// <summary>Where results go: each file whole or not there, written again with the same bytes after a crash.</summary>
internal sealed class Outbox(string folder)
{
    /// <summary>Writes a committed result, in place of an older release's.</summary>
    /// <param name="job">The job that ended in it.</param>
    /// <param name="document">The result's bytes.</param>
    /// <exception cref="IOException">It cannot be written now; the journal keeps it.</exception>
    public void Write(Job job, byte[] document)
    {
        string task = Path.Combine(folder, job.Key.Task);
        Directory.CreateDirectory(task);
        DurableFile.Write(Path.Combine(task, job.ResultName), document);
    }

    /// <summary>Whether a job's result is there: whoever fetches results takes them away.</summary>
    public bool Has(Job job) => File.Exists(Path.Combine(folder, job.Key.Task, job.ResultName));

    /// <summary>Removes the half-written files of a crash; they were never visible under a result's name.</summary>
    public void RemoveLeftovers()
    {
        foreach (string task in Directory.EnumerateDirectories(folder)) DurableFile.RemoveLeftovers(task);
    }
}
