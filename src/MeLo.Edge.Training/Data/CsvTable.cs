using System.Text;

namespace MeLo.Edge.Training.Data;

/// <summary>
/// A table of comma-separated values as RFC 4180 has them: a header, quoted fields that may hold commas, doubled quotes and line ends; lines end with CRLF or LF. UTF-8, with a byte order mark or
/// without. Every row has as many fields as the header.
/// </summary>
internal sealed class CsvTable
{
    /// <summary>Ten million short rows; what is longer is no list of pictures.</summary>
    private const long MaxBytes = 1L << 30;

    private CsvTable(IReadOnlyList<string> header, IReadOnlyList<CsvRow> rows) => (Header, Rows) = (header, rows);

    /// <summary>The columns' names, all different in more than case.</summary>
    public IReadOnlyList<string> Header { get; }

    /// <summary>The rows below the header.</summary>
    public IReadOnlyList<CsvRow> Rows { get; }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="source">What to call it in messages.</param>
    /// <exception cref="DatasetException">It is not such a table.</exception>
    public static CsvTable Read(string path, string source)
    {
        try
        {
            long length = new FileInfo(path).Length;
            if (length > MaxBytes) throw DatasetException.Of(source, $"found {length} bytes, expected at most {MaxBytes}");
            byte[] bytes = File.ReadAllBytes(path);
            // Excel's "Unicode text".
            if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..]) throw DatasetException.Of(source, "found UTF-16, expected UTF-8 (\"CSV UTF-8\", where a spreadsheet saves it)");
            return Parse(new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes), source);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw DatasetException.Of(source, e.Message, e);
        }
        catch (DecoderFallbackException e)
        {
            throw DatasetException.Of(source, $"found bytes that are not UTF-8 at {e.Index}, expected a list in UTF-8", e);
        }
    }

    /// <summary>Reads a text.</summary>
    /// <exception cref="DatasetException">It is not such a table.</exception>
    public static CsvTable Parse(string text, string source)
    {
        List<CsvRow> rows = [];
        Parser parser = new(text.AsSpan().TrimStart('\uFEFF'), source);
        while (parser.Next() is { } row)
        {
            // What a spreadsheet writes where commas are decimal points.
            if (rows.Count == 0 && row.Fields is [var only] && only.IndexOfAny([';', '\t']) is >= 0 and int at)
                throw DatasetException.Of(source, $"found {(only[at] == ';' ? "semicolons" : "tabs")} between the columns, expected commas");
            if (rows.Count > 0 && row.Fields.Length != rows[0].Fields.Length)
                throw DatasetException.Of(source, $"line {row.Line}: found {row.Fields.Length} {(row.Fields.Length == 1 ? "field" : "fields")}, expected {rows[0].Fields.Length} as in the header");
            rows.Add(row);
        }
        if (rows.Count == 0) throw DatasetException.Of(source, "found no header, expected one with the columns' names");
        string[] header = [.. rows[0].Fields.Select(f => f.Trim())];
        if (header.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw DatasetException.Of(source, $"found the column '{twice.Key}' twice, expected different names");
        return new CsvTable(header, rows[1..]);
    }

    /// <summary>The number of a column, whatever the case of its name; -1 where there is none.</summary>
    public int Column(string name)
    {
        for (int i = 0; i < Header.Count; i++)
            if (string.Equals(Header[i], name, StringComparison.OrdinalIgnoreCase)) return i;
        return -1;
    }

    private ref struct Parser(ReadOnlySpan<char> text, string source)
    {
        private ReadOnlySpan<char> _rest = text;
        private int _line = 1;

        /// <summary>The next row that is not an empty line; null at the end.</summary>
        public CsvRow? Next()
        {
            while (_rest is ['\n', ..] or ['\r', '\n', ..])
            {
                _rest = _rest[(_rest[0] == '\n' ? 1 : 2)..];
                _line++;
            }
            if (_rest.IsEmpty) return null;
            int line = _line;
            List<string> fields = [];
            do fields.Add(_rest is ['"', ..] ? Quoted() : Plain());
            while (Separator());
            return new CsvRow(line, [.. fields]);
        }

        // What follows a field: a comma and another one, or the line's end.
        private bool Separator()
        {
            if (_rest.IsEmpty) return false;
            if (_rest[0] == ',')
            {
                _rest = _rest[1..];
                return true;
            }
            _rest = _rest[(_rest[0] == '\r' ? 2 : 1)..];
            _line++;
            return false;
        }

        private string Plain()
        {
            int end = _rest.IndexOfAny(",\n\"");
            if (end < 0) end = _rest.Length;
            if (end < _rest.Length && _rest[end] == '"')
                throw DatasetException.Of(source, $"line {_line}: found a quote inside a field, expected the whole field in quotes and that one doubled");
            // A carriage return belongs to the line's end.
            if (end > 0 && end < _rest.Length && _rest[end] == '\n' && _rest[end - 1] == '\r') end--;
            string field = _rest[..end].ToString();
            _rest = _rest[end..];
            return field;
        }

        private string Quoted()
        {
            StringBuilder field = new();
            int from = _line;
            _rest = _rest[1..];
            while (true)
            {
                int quote = _rest.IndexOf('"');
                if (quote < 0) throw DatasetException.Of(source, $"line {from}: found a quoted field without an end, expected a \" behind it");
                field.Append(_rest[..quote]);
                _line += _rest[..quote].Count('\n');
                _rest = _rest[(quote + 1)..];
                if (_rest is not ['"', ..]) break;
                field.Append('"');
                _rest = _rest[1..];
            }
            if (_rest is [] or [',', ..] or ['\n', ..] or ['\r', '\n', ..]) return field.ToString();
            throw DatasetException.Of(source, $"line {_line}: found '{_rest[0]}' behind a quoted field, expected a comma or the line's end");
        }
    }
}

/// <summary>A row of a table.</summary>
/// <param name="Line">The line it begins in, from 1.</param>
/// <param name="Fields">As many as the header has.</param>
internal sealed record CsvRow(int Line, string[] Fields);
