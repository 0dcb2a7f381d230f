using System.Globalization;
using System.Text;

namespace MeLo.Edge.Bundles;

/// <summary>Names out of files that nobody has vouched for yet, made fit for a message that people read on a terminal.</summary>
internal static class PrintableText
{
    private const int Longest = 64;

    /// <summary>What does not print, or changes how its neighbours print, becomes a question mark; long text is cut.</summary>
    public static string Of(string text)
    {
        string printable = OneLine(text.Length > Longest ? text[..Longest] : text);
        return text.Length > Longest ? $"{printable}…" : printable;
    }

    /// <summary>The same for bytes that should be ASCII.</summary>
    public static string Of(ReadOnlySpan<byte> ascii) => Of(Encoding.Latin1.GetString(ascii[..Math.Min(ascii.Length, 2 * Longest)]));

    /// <summary>A whole message, uncut: it may quote other messages, which quote names out of the file.</summary>
    public static string OneLine(string text)
    {
        StringBuilder printable = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes()) // half a surrogate pair comes as the replacement character
            printable.Append(Prints(rune) ? rune.ToString() : "?");
        return printable.ToString();
    }

    // Format characters can turn the direction of the text around them.
    private static bool Prints(Rune rune) => rune != Rune.ReplacementChar && Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
