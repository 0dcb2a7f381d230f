namespace MeLo.Edge.Engine;

/// <summary>One image of a batch.</summary>
/// <param name="Task">A task of the engine; it need not be the installed one any more.</param>
/// <param name="Image">What <see cref="EdgeEngine.Prepare"/> made for this task.</param>
public sealed record PredictionRequest(InstalledTask Task, PreparedImage Image);
