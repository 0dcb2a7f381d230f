namespace MeLo.Edge;

/// <summary>
/// The base of every exception that MeLo Edge raises about what it was given: a file, an adapter, a bundle, an image or the
/// native runtime. Its message says what was found, what was expected and where.
/// </summary>
public abstract class MeLoException : Exception
{
    /// <summary>Creates the exception with its one-line message.</summary>
    protected MeLoException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
