namespace MeLo.Edge.Training;

/// <summary>Training could not go on: what was found, what was expected, and where.</summary>
public sealed class TrainingException : MeLoException
{
    /// <summary>Creates the exception.</summary>
    public TrainingException(string message)
        : base(message)
    {
    }

    /// <summary>Whether the loss became something else than a number, as it does with too high a learning rate.</summary>
    internal bool IsDivergence { get; init; }

    /// <summary>Creates the exception with its cause.</summary>
    public TrainingException(string message, Exception? cause)
        : base(message, cause)
    {
    }
}
