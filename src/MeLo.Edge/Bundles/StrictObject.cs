using System.Text.Json;

namespace MeLo.Edge.Bundles;

/// <summary>
/// One object of a document that <see cref="StrictJson"/> reads. Every reader returns a default and records a fault when the member
/// is missing or of another type; after <see cref="End"/> what nobody asked for is a fault too.
/// </summary>
internal sealed class StrictObject
{
    private readonly StrictJson _json;
    private readonly Dictionary<string, JsonElement> _members = new(StringComparer.Ordinal);

    public StrictObject(StrictJson json, string path, JsonElement element)
    {
        _json = json;
        Path = path;
        foreach (JsonProperty member in element.EnumerateObject())
        {
            if (!TryName(member, out string name)) json.Add(path, "has a member whose name is not Unicode text");
            else if (!_members.TryAdd(name, member.Value)) json.Add(At(PrintableText.Of(name)), "appears twice");
        }
    }

    /// <summary>Where the object is: <c>$.head</c>.</summary>
    public string Path { get; }

    /// <summary>Whether the member is there; asking does not count as reading.</summary>
    public bool Has(string name) => _members.ContainsKey(name);

    /// <summary>The names of the members that are left.</summary>
    public IReadOnlyCollection<string> Names => [.. _members.Keys];

    /// <summary>Records a fault of this object's member <paramref name="name"/>.</summary>
    public void Fault(string name, string fault) => _json.Add(At(name), fault);

    /// <summary>Records a fault of an item whose path a reader gave.</summary>
    public void FaultAt(string path, string fault) => _json.Add(path, fault);

    /// <summary>A string; empty after a fault.</summary>
    public string Text(string name) => Take(name, JsonValueKind.String, "a string") is { } value ? TextOf(value, At(name)) : string.Empty;

    /// <summary>A string or null.</summary>
    public string? TextOrNull(string name) => TakeNull(name) ? null : Text(name);

    /// <summary>A whole number in a range.</summary>
    public int Integer(string name, int least, int most = int.MaxValue)
    {
        if (Take(name, JsonValueKind.Number, "a whole number") is not { } value) return least;
        if (value.TryGetInt32(out int number) && number >= least && number <= most) return number;
        Fault(name, $"expected a whole number from {least} to {most}");
        return least;
    }

    /// <summary>A whole number of at least <paramref name="least"/>, or null.</summary>
    public int? IntegerOrNull(string name, int least) => TakeNull(name) ? null : Integer(name, least);

    /// <summary>A string out of a few, as what it stands for.</summary>
    public T? Choice<T>(string name, params ReadOnlySpan<(string Text, T Value)> choices)
    {
        bool present = _members.TryGetValue(name, out JsonElement value) && value.ValueKind == JsonValueKind.String;
        string text = Text(name);
        foreach ((string candidate, T meaning) in choices)
            if (text == candidate) return meaning;
        if (present)
        {
            List<string> names = [];
            foreach ((string candidate, _) in choices) names.Add($"'{candidate}'");
            Fault(name, $"found '{PrintableText.Of(text)}', expected {string.Join(" or ", names)}");
        }
        return default;
    }

    /// <summary>A finite number; huge ones overflow and are faults.</summary>
    public double Number(string name) => Take(name, JsonValueKind.Number, "a number") is { } value ? NumberOf(value, At(name)) : 0;

    /// <summary>True or false.</summary>
    public bool Flag(string name)
    {
        if (!_members.Remove(name, out JsonElement value)) Fault(name, "is missing");
        else if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) return value.GetBoolean();
        else Fault(name, $"found {StrictJson.Describe(value)}, expected true or false");
        return false;
    }

    /// <summary>An object, read by <paramref name="read"/>; null after a fault.</summary>
    public T? Object<T>(string name, Func<StrictObject, T?> read)
        where T : class => Take(name, JsonValueKind.Object, "an object") is { } value ? ReadObject(value, At(name), read) : null;

    /// <summary>An object or null.</summary>
    public T? ObjectOrNull<T>(string name, Func<StrictObject, T?> read)
        where T : class => TakeNull(name) ? null : Object(name, read);

    /// <summary>An array of strings, each with its path; empty after a fault.</summary>
    public IReadOnlyList<(string Text, string Path)> Texts(string name)
    {
        List<(string, string)> texts = [];
        foreach ((JsonElement item, string path) in Items(name))
        {
            if (item.ValueKind == JsonValueKind.String) texts.Add((TextOf(item, path), path));
            else _json.Add(path, $"found {StrictJson.Describe(item)}, expected a string");
        }
        return texts;
    }

    /// <summary>An array of finite numbers; empty after a fault.</summary>
    public IReadOnlyList<double> Numbers(string name)
    {
        List<double> numbers = [];
        foreach ((JsonElement item, string path) in Items(name))
        {
            if (item.ValueKind == JsonValueKind.Number) numbers.Add(NumberOf(item, path));
            else _json.Add(path, $"found {StrictJson.Describe(item)}, expected a number");
        }
        return numbers;
    }

    /// <summary>An array of objects; empty after a fault.</summary>
    public IReadOnlyList<T> Objects<T>(string name, Func<StrictObject, T?> read)
        where T : class
    {
        List<T> objects = [];
        foreach ((JsonElement item, string path) in Items(name))
        {
            if (item.ValueKind != JsonValueKind.Object) _json.Add(path, $"found {StrictJson.Describe(item)}, expected an object");
            else if (ReadObject(item, path, read) is { } value) objects.Add(value);
        }
        return objects;
    }

    /// <summary>The number of items of an array whose items do not matter.</summary>
    public int Count(string name) => Items(name).Count;

    /// <summary>Takes a member whatever its value is: for members that a reader must tolerate.</summary>
    public void Ignore(string name) => _members.Remove(name);

    /// <summary>Takes every member that is left: for objects that their standard leaves open.</summary>
    public void IgnoreRest() => _members.Clear();

    /// <summary>Everything was asked for: what is left is unknown.</summary>
    public void End()
    {
        foreach (string name in _members.Keys) Fault(PrintableText.Of(name), "is unknown");
    }

    private T? ReadObject<T>(JsonElement value, string path, Func<StrictObject, T?> read)
        where T : class
    {
        StrictObject child = new(_json, path, value);
        T? result = read(child);
        child.End();
        return result;
    }

    private List<(JsonElement Item, string Path)> Items(string name)
    {
        List<(JsonElement, string)> items = [];
        if (Take(name, JsonValueKind.Array, "an array") is not { } value) return items;
        foreach (JsonElement item in value.EnumerateArray()) items.Add((item, $"{At(name)}[{items.Count}]"));
        return items;
    }

    private JsonElement? Take(string name, JsonValueKind kind, string expected)
    {
        if (!_members.Remove(name, out JsonElement value))
        {
            Fault(name, $"is missing, expected {expected}");
            return null;
        }
        if (value.ValueKind == kind) return value;
        Fault(name, $"found {StrictJson.Describe(value)}, expected {expected}");
        return null;
    }

    private bool TakeNull(string name) =>
        _members.TryGetValue(name, out JsonElement value) && value.ValueKind == JsonValueKind.Null && _members.Remove(name);

    private string TextOf(JsonElement value, string path)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // An escape such as \ud800 alone: legal JSON, but no text.
            _json.Add(path, "found a string that is not Unicode text");
            return string.Empty;
        }
    }

    private double NumberOf(JsonElement value, string path)
    {
        if (value.TryGetDouble(out double number) && double.IsFinite(number)) return number;
        _json.Add(path, "expected a finite number");
        return 0;
    }

    private static bool TryName(JsonProperty member, out string name)
    {
        try
        {
            name = member.Name;
            return true;
        }
        catch (InvalidOperationException)
        {
            name = string.Empty;
            return false;
        }
    }

    private string At(string name) => $"{Path}.{name}";
}
