using System.Text;

namespace MeLo.Edge.Training.Data;

/// <summary>
/// What must not be forgotten about a dataset, such as that its pictures are drawn: a text that lies with it, in a file of its own, and is shown wherever it or what was learnt from it is described.
/// </summary>
internal static class DatasetNotice
{
    /// <summary>The file beside the classes' folders or the list, and the entry of an <c>.npz</c> file.</summary>
    public const string FileName = "NOTICE.txt";

    // A few sentences; of a whole licence its beginning.
    private const int MaxBytes = 400;

    /// <summary>The notice of a folder, in one line; null where there is none.</summary>
    public static string? Beside(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return null;
        using FileStream file = File.OpenRead(path);
        return Read(file);
    }

    /// <summary>A text in one line, cut where it is long; null where it says nothing.</summary>
    public static string? Read(Stream stream)
    {
        byte[] bytes = new byte[MaxBytes + 1];
        int length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        string text = Encoding.UTF8.GetString(bytes, 0, Math.Min(length, MaxBytes)).TrimStart('\uFEFF');
        string line = PrintableText.OneLine(string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        return line.Length == 0 ? null : length > MaxBytes ? line + "…" : line;
    }
}
