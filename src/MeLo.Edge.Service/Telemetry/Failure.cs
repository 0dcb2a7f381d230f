using System.Text.RegularExpressions;
using MeLo.Edge.Engine;
using MeLo.Edge.Native.OnnxRuntime;
using MeLo.Edge.Providers;

namespace MeLo.Edge.Service.Telemetry;

/// <summary>Exceptions as the log may have them: types and places in the code, and messages only where no path and nothing of an input can be in them.</summary>
internal static partial class Failure
{
    /// <summary>The types of an exception and its causes; what the engine and the runtime say goes with them.</summary>
    public static string Describe(Exception exception)
    {
        if (Ingestion.StorageTrouble.Is(exception)) return Ingestion.StorageTrouble.Describe(exception);
        // They know the model, its task and an image's pixels, but no name of an input.
        string own = exception is OrtException or EngineException or ProviderException
            ? $"{exception.GetType().Name}: {Folders().Replace(exception.Message, "")}" : exception.GetType().Name;
        return exception.InnerException is { } inner ? $"{own} <- {Describe(inner)}" : own;
    }

    /// <summary>Types and stack.</summary>
    public static string Trace(Exception exception) => $"{Describe(exception)}{Environment.NewLine}{exception.StackTrace}";

    // From the first path's root to the last separator, as folders may have blanks in their names: words may be lost, a folder never stays.
    [GeneratedRegex("""([A-Za-z]:)?[\\/].*[\\/]""")]
    private static partial Regex Folders();
}
