using System.Collections.Frozen;
using System.Text;

namespace MeLo.Edge.Dicom;

/// <summary>
/// Texts in the sets of characters that a file names (PS3.3, C.12.1.1.2), with the escape sequences that change between them (PS3.5, section 6.1.2.5). What a set does not have becomes U+FFFD:
/// a character that is not there is told from a wrong one.
/// </summary>
internal static class DicomCharacters
{
    private const byte Escape = 0x1B;

    // Sets of one byte, and those of several bytes without escape sequences (table C.12-2 and C.12-5), with .NET's names.
    private static readonly FrozenDictionary<string, string> s_sets = new Dictionary<string, string>
    {
        ["6"] = "us-ascii", ["100"] = "iso-8859-1", ["101"] = "iso-8859-2", ["109"] = "iso-8859-3", ["110"] = "iso-8859-4", ["144"] = "iso-8859-5", ["127"] = "iso-8859-6", ["126"] = "iso-8859-7",
        ["138"] = "iso-8859-8", ["148"] = "iso-8859-9", ["203"] = "iso-8859-15", ["13"] = "shift_jis", ["166"] = "windows-874", ["192"] = "utf-8", ["149"] = "euc-kr", ["58"] = "gb2312",
    }.ToFrozenDictionary();

    // What an escape sequence makes of the bytes behind it: an encoding, and whether they are 7 bits where it has the eighth set (table C.12-3 and C.12-4).
    private static readonly (string Sequence, string Encoding, bool IsLow)[] s_escapes =
    [
        ("(B", "us-ascii", false), ("(J", "shift_jis", false), (")I", "shift_jis", false),
        ("-A", "iso-8859-1", false), ("-B", "iso-8859-2", false), ("-C", "iso-8859-3", false), ("-D", "iso-8859-4", false), ("-L", "iso-8859-5", false), ("-G", "iso-8859-6", false),
        ("-F", "iso-8859-7", false), ("-H", "iso-8859-8", false), ("-M", "iso-8859-9", false), ("-b", "iso-8859-15", false), ("-T", "windows-874", false),
        ("$B", "euc-jp", true), ("$)C", "euc-kr", false), ("$)A", "gb2312", false),
    ];

    /// <summary>Decodes a value. Of texts that are divided by <c>\</c>, <c>^</c> or <c>=</c> each part begins in the first set anew.</summary>
    /// <param name="value">The value's bytes.</param>
    /// <param name="sets">What Specific Character Set says, values divided by backslashes; null for the default repertoire.</param>
    public static string Decode(ReadOnlySpan<byte> value, string? sets)
    {
        string first = sets?.Split('\\')[0].Trim() ?? "";
        Encoding initial = Named(first);
        // These sets have bytes in characters that look like delimiters, and no escape sequences.
        if (!value.Contains(Escape)) return initial.GetString(value);
        StringBuilder text = new();
        Encoding? encoding = initial;
        bool isLow = false;
        for (int at = 0; at < value.Length;)
        {
            if (value[at] == Escape)
            {
                (int length, encoding, isLow) = Designated(value[(at + 1)..]);
                at += 1 + length;
                continue;
            }
            int end = at;
            while (end < value.Length && value[end] != Escape && (isLow || !IsDelimiter(value[end]))) end++;
            text.Append(Run(value[at..end], encoding, isLow));
            at = end;
            if (at == value.Length || !IsDelimiter(value[at])) continue;
            text.Append((char)value[at++]);
            (encoding, isLow) = (initial, false);
        }
        return text.ToString();
    }

    private static bool IsDelimiter(byte b) => b is (byte)'\\' or (byte)'^' or (byte)'=' or (byte)'\r' or (byte)'\n' or (byte)'\f';

    private static string Run(ReadOnlySpan<byte> run, Encoding? encoding, bool isLow)
    {
        if (encoding is null) return run.IsEmpty ? "" : "\uFFFD";
        if (!isLow) return encoding.GetString(run);
        byte[] high = new byte[run.Length];
        for (int i = 0; i < run.Length; i++) high[i] = (byte)(run[i] | 0x80);
        return encoding.GetString(high);
    }

    // Behind a sequence of another set (JIS X 0212, or none of DICOM's) nothing can be read: intermediate bytes and a final one (ISO 2022).
    private static (int Length, Encoding? Encoding, bool IsLow) Designated(ReadOnlySpan<byte> rest)
    {
        foreach ((string sequence, string name, bool low) in s_escapes)
        {
            if (rest.Length >= sequence.Length && Encoding.ASCII.GetString(rest[..sequence.Length]) == sequence) return (sequence.Length, Of(name), low);
        }
        int length = 0;
        while (length < rest.Length && rest[length] is >= 0x20 and < 0x30) length++;
        return (Math.Min(length + 1, rest.Length), null, false);
    }

    private static Encoding Named(string set)
    {
        if (set is "GB18030" or "GBK") return Of(set.ToLowerInvariant());
        string number = set.StartsWith("ISO_IR ", StringComparison.Ordinal) ? set[7..] : set.StartsWith("ISO 2022 IR ", StringComparison.Ordinal) ? set[12..] : "6";
        return Of(s_sets.GetValueOrDefault(number, "us-ascii"));
    }

    private static Encoding Of(string name) => (name is "us-ascii" or "utf-8" or "iso-8859-1" ? null : CodePagesEncodingProvider.Instance.GetEncoding(name, EncoderFallback.ReplacementFallback, new DecoderReplacementFallback("\uFFFD")))
        ?? Encoding.GetEncoding(name, EncoderFallback.ReplacementFallback, new DecoderReplacementFallback("\uFFFD"));
}
