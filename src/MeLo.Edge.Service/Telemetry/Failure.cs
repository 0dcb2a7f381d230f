namespace MeLo.Edge.Service.Telemetry;

/// <summary>Exceptions as the log may have them: types and places in the code, but no messages, which may hold a path.</summary>
internal static class Failure
{
    /// <summary>The types of an exception and its causes, with the MeLo messages that never hold names.</summary>
    public static string Describe(Exception exception) => exception switch
    {
        _ when Ingestion.StorageTrouble.Is(exception) => Ingestion.StorageTrouble.Describe(exception),
        { InnerException: Exception inner } => $"{exception.GetType().Name} <- {Describe(inner)}",
        _ => exception.GetType().Name,
    };

    /// <summary>Types and stack.</summary>
    public static string Trace(Exception exception) => $"{Describe(exception)}{Environment.NewLine}{exception.StackTrace}";
}
