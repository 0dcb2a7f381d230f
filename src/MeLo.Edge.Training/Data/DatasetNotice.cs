using System.Text;

namespace MeLo.Edge.Training.Data;

/// <summary>
/// What must not be forgotten about a dataset, such as that its pictures are drawn: a text that lies with it, in a file of its own, and is shown wherever it or what was learnt from it is described.
/// </summary>
internal static class DatasetNotice
{
    /// <summary>The file beside the classes' folders or the list, and the entry of an <c>.npz</c> file.</summary>
    public const string FileName = "NOTICE.txt";

    /// <summary>The most bytes of it: a few sentences.</summary>
    public const int MaxBytes = 1000;

    /// <summary>The notice of a folder, in one line; null where there is none.</summary>
    /// <exception cref="DatasetException">It is no such text.</exception>
    public static string? Beside(string source, string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return null;
        long length = new FileInfo(path).Length;
        return Of(source, length > MaxBytes ? throw TooLong(source, length) : File.ReadAllBytes(path));
    }

    /// <summary>The notice of these bytes, in one line; null where they say nothing.</summary>
    /// <exception cref="DatasetException">They are no UTF-8 text.</exception>
    public static string? Of(string source, byte[] bytes)
    {
        try
        {
            string text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF');
            string line = PrintableText.OneLine(string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
            return line.Length > 0 ? line : null;
        }
        catch (DecoderFallbackException e)
        {
            throw DatasetException.Of(source, $"{FileName}: found bytes that are not UTF-8 at {e.Index}", e);
        }
    }

    /// <summary>The fault of a notice that nobody would read.</summary>
    public static DatasetException TooLong(string source, long length) => DatasetException.Of(source, $"{FileName}: found {length} bytes, expected at most {MaxBytes}");
}
