namespace MeLo.Edge.Tools;

/// <summary>The input was refused by the program itself: exit code 1. The message says what was found, what was expected and where.</summary>
internal sealed class RefusedException : Exception
{
    private RefusedException(string message, Exception? inner)
        : base(message, inner)
    {
    }

    public static RefusedException File(string path, string fault, Exception? inner = null) => new($"{Path.GetFileName(path)}: {fault}", inner);
}
