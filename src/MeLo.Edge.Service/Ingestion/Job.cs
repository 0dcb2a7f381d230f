namespace MeLo.Edge.Service.Ingestion;

/// <summary>What makes two pieces of work the same: content, not name.</summary>
/// <param name="Task">The task.</param>
/// <param name="Input">SHA-256 of the input's bytes, 64 lower-case hexadecimal digits.</param>
/// <param name="Bundle">The digest of the bundle that answers.</param>
internal readonly record struct JobKey(string Task, string Input, string Bundle);

/// <summary>Where a job stands in the journal.</summary>
internal enum JobState
{
    /// <summary>To be done.</summary>
    Waiting = 0,

    /// <summary>Its file is being parsed; found at start-up, it means that the process ended while parsing.</summary>
    Parsing = 1,

    /// <summary>Its result is in the journal.</summary>
    Done = 2,

    /// <summary>Its input cannot be used.</summary>
    Quarantined = 3,
}

/// <summary>How far what a job ended in has reached the folders.</summary>
internal enum DeliveryState
{
    /// <summary>Nothing yet.</summary>
    None = 0,

    /// <summary>The result file is written; the input may still be in the inbox.</summary>
    Written = 1,

    /// <summary>The input has left the inbox too.</summary>
    Settled = 2,
}

/// <summary>Why an input was refused: a stable code, and a sentence for people.</summary>
internal sealed record Reason(string Code, string Message)
{
    public const string UnreadableImage = "unreadable-image";
    public const string UnreadableFile = "unreadable-file";
    public const string TooLarge = "too-large";
    public const string KilledTheProcess = "killed-the-process";
    public const string Failed = "failed";
    public const string NoRoute = "no-route";
}

/// <summary>A row of the journal.</summary>
internal sealed record Job(long Id, JobKey Key, string Name, JobState State, int Attempts, string ResultName, byte[]? Result, Reason? Reason, DeliveryState Delivery);
