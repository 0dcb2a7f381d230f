using System.Text.Json;
using System.Text.Unicode;

namespace MeLo.Edge.Bundles;

/// <summary>
/// Reads a JSON document of a known form: every member is asked for by name, and a missing, repeated or unknown one, or one of
/// another type, is a fault at its path. Faults are collected, so that an author sees all of them at once.
/// </summary>
internal sealed class StrictJson
{
    /// <summary>No document of ours nests deeper; the limit keeps a hostile one from using the stack.</summary>
    private const int MaxDepth = 16;

    /// <summary>A hostile document could have a fault a byte; people read the first ones.</summary>
    private const int MaxFaults = 20;

    private readonly List<string> _faults = [];

    /// <summary>The faults found so far, each as <c>$.path: what was found, what was expected</c>.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>All faults in one line; empty when there are none.</summary>
    public string Summary => _faults.Count > MaxFaults
        ? $"{string.Join("; ", _faults.Take(MaxFaults))}; and {_faults.Count - MaxFaults} more"
        : string.Join("; ", _faults);

    /// <summary>Reads a document whose root is an object; what is not JSON at all is one fault at <c>$</c>.</summary>
    /// <returns>What <paramref name="read"/> made of it; meaningful only when there are no faults.</returns>
    public T? Read<T>(ReadOnlyMemory<byte> utf8, Func<StrictObject, T?> read)
        where T : class
    {
        // The parser does not look inside strings until they are used.
        if (!Utf8.IsValid(utf8.Span))
        {
            Add("$", "is not UTF-8");
            return null;
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = MaxDepth });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                Add("$", $"found {Describe(document.RootElement)}, expected an object");
                return null;
            }
            StrictObject root = new(this, "$", document.RootElement);
            T? value = read(root);
            root.End();
            return value;
        }
        catch (JsonException e)
        {
            Add("$", $"is not JSON, or nests more than {MaxDepth} deep, at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}");
            return null;
        }
    }

    public void Add(string path, string fault) => _faults.Add($"{path}: {fault}");

    /// <summary>What a value is, in words and without its content where that may be long or hostile.</summary>
    public static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => "null",
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a string",
        JsonValueKind.Array => "an array",
        _ => "an object",
    };
}
