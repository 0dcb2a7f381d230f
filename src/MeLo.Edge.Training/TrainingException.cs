namespace MeLo.Edge.Training;

/// <summary>Training could not go on: what was found, what was expected, and where.</summary>
public sealed class TrainingException : MeLoException
{
    /// <summary>Creates the exception.</summary>
    public TrainingException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public TrainingException(string message, Exception? cause)
        : base(message, cause)
    {
    }
}
