namespace MeLo.Edge.Tools;

/// <summary>Text from files and arguments for a terminal: an escape sequence in it must not reach that.</summary>
internal static class TerminalText
{
    /// <summary>The text in one line.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="separator">What stands where its lines end.</param>
    public static string OneLine(string text, string separator = " ") => string.Concat(
        string.Join(separator, text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Select(c => char.IsControl(c) ? '?' : c));
}
