namespace MeLo.Edge.Benchmarks;

/// <summary>Says on a terminal how far a benchmark is; a redirected stream stays empty.</summary>
internal static class Progress
{
    public static void Show(string text)
    {
        if (!Console.IsErrorRedirected) Console.Error.Write($"\r{text,-60}");
    }

    public static void Clear()
    {
        if (!Console.IsErrorRedirected) Console.Error.Write($"\r{"",-60}\r");
    }
}
