using System.Security.Cryptography;
using System.Text;

namespace MeLo.Edge.Service.Files;

/// <summary>How names are made from the names of inputs, which may be of any length and hold any character.</summary>
internal static class FileNames
{
    /// <summary>The most bytes in a file name on every file system in common use.</summary>
    private const int MaximumBytes = 255;

    /// <summary>What the reports beside a result end in.</summary>
    public const string StructuredReport = ".sr.dcm", FhirReport = ".fhir.json";

    /// <summary>Room kept for what is appended: a point, 24 digits and <c>.fhir.json</c> (35), or <c>.reason.json</c> (12).</summary>
    private const int ReservedBytes = 35;

    /// <summary>Whether a file of that name is not an input: hidden, or marked as still being written.</summary>
    public static bool IsIgnored(string name) =>
        name.StartsWith('.')
        || name.EndsWith(".tmp", StringComparison.OrdinalIgnoreCase)
        || name.EndsWith(".part", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// The name an input goes by in <c>outbox</c> and <c>quarantine</c>: its own, with control characters replaced, and shortened
    /// (with 8 digits of its hash in place of what was cut) where the product's endings would not fit behind it.
    /// </summary>
    public static string Safe(string name)
    {
        StringBuilder safe = new(name.Length);
        foreach (Rune rune in name.EnumerateRunes())
            safe.Append(Rune.IsControl(rune) ? "_" : rune.ToString());
        return Shorten(safe.ToString(), MaximumBytes - ReservedBytes);
    }

    /// <summary>The name of a result: <c>NAME.0123456789ab.json</c>.</summary>
    public static string Result(string name, string sha256, int digits = 12) => $"{Safe(name)}.{sha256[..digits]}.json";

    /// <summary>Whether a file of the outbox is a result.</summary>
    public static bool IsResult(string name) => name.EndsWith(".json", StringComparison.Ordinal) && !name.EndsWith(FhirReport, StringComparison.Ordinal);

    /// <summary>The name of a report beside a result: <c>NAME.0123456789ab.sr.dcm</c>.</summary>
    public static string Report(string resultName, string ending) => Path.ChangeExtension(resultName, null) + ending;

    /// <summary>The name of the reason beside a refused file.</summary>
    public static string Reason(string name) => name + ".reason.json";

    /// <summary>The name with a number before its extension, for a place where the plain name is taken: <c>scan~2.png</c>.</summary>
    public static string Numbered(string name, int number)
    {
        if (number == 1) return name;
        string extension = Path.GetExtension(name);
        if (Encoding.UTF8.GetByteCount(extension) > 16) extension = "";
        string stem = name[..(name.Length - extension.Length)];
        string mark = $"~{number}";
        return Shorten(stem, MaximumBytes - ReservedBytes - mark.Length - Encoding.UTF8.GetByteCount(extension)) + mark + extension;
    }

    private static string Shorten(string name, int limit)
    {
        if (Encoding.UTF8.GetByteCount(name) <= limit) return name;
        string mark = "~" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)).AsSpan(0, 4));
        string extension = Path.GetExtension(name);
        if (Encoding.UTF8.GetByteCount(extension) > 16) extension = "";
        int room = limit - mark.Length - Encoding.UTF8.GetByteCount(extension);
        StringBuilder kept = new();
        foreach (Rune rune in name.EnumerateRunes())
        {
            room -= rune.Utf8SequenceLength;
            if (room < 0) break;
            kept.Append(rune);
        }
        return kept.Append(mark).Append(extension).ToString();
    }
}
