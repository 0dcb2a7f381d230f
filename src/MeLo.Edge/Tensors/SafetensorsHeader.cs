using System.Text.Json;

namespace MeLo.Edge.Tensors;

/// <summary>The JSON header of a safetensors file, checked against the length of the data behind it.</summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The header's length comes first, as an unsigned 64-bit little-endian number.</summary>
    public const int PrefixLength = 8;

    /// <summary>The format's own limit on the header, 100 MB.</summary>
    public const int MaxLength = 100_000_000;

    /// <summary>No model file needs more dimensions; the limit keeps a hostile header from growing arrays.</summary>
    private const int MaxRank = 8;

    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    public required IReadOnlyList<Entry> Entries { get; init; }

    /// <summary>One tensor: its byte range [Begin, End) counts from the end of the header.</summary>
    public sealed record Entry(string Name, ElementType Type, long[] Shape, long Begin, long End);

    /// <summary>Parses a header; every range lies inside <paramref name="dataLength"/>, and together they cover it without gap or overlap.</summary>
    /// <exception cref="SafetensorsException">Anything else.</exception>
    public static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string source)
    {
        if (json.IsEmpty || json[0] != (byte)'{')
            throw SafetensorsException.File(source, "the header does not start with '{'");
        Dictionary<string, string> metadata = new(StringComparer.Ordinal);
        List<Entry> entries = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 4 });
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (!names.Add(name)) throw SafetensorsException.Tensor(source, name, "appears twice in the header");
                reader.Read();
                if (name == "__metadata__") ReadMetadata(ref reader, metadata, source);
                else entries.Add(ReadEntry(ref reader, name, dataLength, source));
            }
            while (reader.Read()) { /* only white space may follow; the reader throws on anything else */ }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw SafetensorsException.File(source, $"the header is not the JSON object that the format defines ({e.Message.Split('.')[0]})", e);
        }
        CheckCoverage(entries, dataLength, source);
        return new SafetensorsHeader { Metadata = metadata, Entries = entries };
    }

    private static void ReadMetadata(ref Utf8JsonReader reader, Dictionary<string, string> metadata, string source)
    {
        Expect(reader.TokenType == JsonTokenType.StartObject, source, "__metadata__", "is not an object of strings");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            Expect(reader.TokenType == JsonTokenType.String, source, "__metadata__", $"'{key}' is not a string");
            Expect(metadata.TryAdd(key, reader.GetString()!), source, "__metadata__", $"'{key}' appears twice");
        }
    }

    private static Entry ReadEntry(ref Utf8JsonReader reader, string name, long dataLength, string source)
    {
        Expect(reader.TokenType == JsonTokenType.StartObject, source, name, "its header entry is not an object");
        string? typeName = null;
        long[]? shape = null;
        long[]? range = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string member = reader.GetString()!;
            reader.Read();
            switch (member)
            {
                case "dtype" when typeName is null:
                    typeName = reader.GetString();
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(ref reader, name, "shape", source);
                    break;
                case "data_offsets" when range is null:
                    range = ReadNumbers(ref reader, name, "data_offsets", source);
                    break;
                default:
                    throw SafetensorsException.Tensor(source, name, $"found an unknown or repeated member '{member}', expected dtype, shape and data_offsets once each");
            }
        }
        if (typeName is null || shape is null || range is not { Length: 2 })
            throw SafetensorsException.Tensor(source, name, "expected dtype, shape and two data_offsets");
        if (!ElementTypes.TryParse(typeName, out ElementType type))
            throw SafetensorsException.Tensor(source, name, $"found the unknown dtype '{typeName}'");
        if (range[1] < range[0] || range[1] > dataLength)
            throw SafetensorsException.Tensor(source, name, $"found data_offsets [{range[0]},{range[1]}], expected a range inside the {dataLength} bytes of data");
        if (!TryByteLength(shape, type.Size(), out long expected) || expected != range[1] - range[0])
            throw SafetensorsException.Tensor(source, name, $"found {range[1] - range[0]} bytes, expected {typeName} of shape [{string.Join(',', shape)}]");
        return new Entry(name, type, shape, range[0], range[1]);
    }

    private static long[] ReadNumbers(ref Utf8JsonReader reader, string name, string member, string source)
    {
        Expect(reader.TokenType == JsonTokenType.StartArray, source, name, $"{member} is not an array");
        List<long> numbers = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            Expect(reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long number) && number >= 0, source, name,
                $"{member} holds something that is not a whole number from 0 to {long.MaxValue}");
            numbers.Add(reader.GetInt64());
            Expect(numbers.Count <= MaxRank, source, name, $"{member} has more than {MaxRank} numbers");
        }
        return [.. numbers];
    }

    private static bool TryByteLength(long[] shape, int elementSize, out long length)
    {
        // UInt128: eight 63-bit factors do not fit, so stop as soon as the product leaves the range of a file length.
        UInt128 product = (UInt128)elementSize;
        foreach (long dimension in shape)
        {
            product *= (UInt128)dimension;
            if (product > long.MaxValue)
            {
                length = 0;
                return false;
            }
        }
        length = (long)product;
        return true;
    }

    private static void CheckCoverage(List<Entry> entries, long dataLength, string source)
    {
        long end = 0;
        foreach (Entry entry in entries.OrderBy(e => e.Begin).ThenBy(e => e.End))
        {
            if (entry.Begin < end) throw SafetensorsException.Tensor(source, entry.Name, $"its data starts at {entry.Begin}, inside another tensor that ends at {end}");
            if (entry.Begin > end) throw SafetensorsException.Tensor(source, entry.Name, $"its data starts at {entry.Begin}, which leaves a gap after {end}");
            end = entry.End;
        }
        if (end != dataLength)
            throw SafetensorsException.File(source, $"found {dataLength} bytes of data, expected the {end} that the header describes");
    }

    private static void Expect(bool condition, string source, string name, string fault)
    {
        if (!condition) throw SafetensorsException.Tensor(source, name, fault);
    }
}
