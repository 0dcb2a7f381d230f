using System.Text;

namespace MeLo.Edge;

/// <summary>Names out of files that nobody has vouched for yet, made fit for a message that people read on a terminal.</summary>
internal static class PrintableText
{
    private const int Longest = 64;

    /// <summary>Control characters and broken surrogates become question marks; long text is cut.</summary>
    public static string Of(string text)
    {
        StringBuilder printable = new();
        foreach (Rune rune in text.EnumerateRunes().Take(Longest))
            printable.Append(Rune.IsControl(rune) || rune == Rune.ReplacementChar || IsFormat(rune) ? "?" : rune.ToString());
        return text.Length > Longest ? $"{printable}…" : printable.ToString();
    }

    /// <summary>The same for bytes that should be ASCII.</summary>
    public static string Of(ReadOnlySpan<byte> ascii) => Of(Encoding.Latin1.GetString(ascii[..Math.Min(ascii.Length, 2 * Longest)]));

    /// <summary>A whole message: it may quote other messages, which quote names out of the file.</summary>
    public static string OneLine(string message) => string.Concat(message.Select(c => char.IsControl(c) ? '?' : c));

    // Format characters can turn the direction of the text around them.
    private static bool IsFormat(Rune rune) => Rune.GetUnicodeCategory(rune) is
        System.Globalization.UnicodeCategory.Format or System.Globalization.UnicodeCategory.LineSeparator or System.Globalization.UnicodeCategory.ParagraphSeparator;
}
