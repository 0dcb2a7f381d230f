namespace MeLo.Edge.Service.Ingestion;

/// <summary>How urgent an image is.</summary>
internal enum Priority
{
    /// <summary>Dropped into the task's inbox.</summary>
    Routine,

    /// <summary>Dropped into the inbox's sub-folder <c>stat</c> (statim: at once): goes before every routine image.</summary>
    Stat,
}
