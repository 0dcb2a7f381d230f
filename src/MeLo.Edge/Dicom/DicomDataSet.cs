using System.Globalization;
using System.Text;
using MeLo.Edge.Imaging;

namespace MeLo.Edge.Dicom;

/// <summary>Data elements by tag: a file's, or an item's. Values are read when they are asked for.</summary>
/// <param name="elements">The elements.</param>
/// <param name="depth">How many sequences they are within.</param>
internal sealed class DicomDataSet(IReadOnlyDictionary<DicomTag, DicomElement> elements, int depth)
{
    /// <summary>More than any object has frames, or a sequence items.</summary>
    private const int MaxItems = 100_000;

    // Values that matter here are short; a longer one is a mistake or an attack.
    private const int MaxTextBytes = 1024, MaxNumbers = 64;

    /// <summary>Whether there is such an element with a value.</summary>
    public bool Contains(DicomTag tag) => elements.TryGetValue(tag, out DicomElement element) && !element.Value.IsEmpty;

    /// <summary>The element, or null.</summary>
    public DicomElement? Find(DicomTag tag) => elements.TryGetValue(tag, out DicomElement element) ? element : null;

    /// <summary>The text of an element whose characters are ASCII (CS, UI, DS, IS and the like), without its padding; null where there is none. Several values are divided by backslashes.</summary>
    /// <exception cref="ImageException">It is too long, or not text.</exception>
    public string? Text(DicomTag tag)
    {
        if (!Contains(tag)) return null;
        ReadOnlySpan<byte> value = elements[tag].Value.Span;
        if (value.Length > MaxTextBytes) throw Broken($"found {tag} of {value.Length} bytes, expected at most {MaxTextBytes}");
        string text = Encoding.Latin1.GetString(value).Trim(' ', '\0');
        return text.Length == 0 ? null : text;
    }

    /// <summary>The text of an element for people, whatever its characters; control characters are spaces, and there is none around it. Null where there is none.</summary>
    /// <param name="tag">The element.</param>
    /// <param name="characterSet">The file's specific character set, values divided by backslashes.</param>
    /// <exception cref="ImageException">It is too long.</exception>
    public string? UnicodeText(DicomTag tag, string? characterSet)
    {
        if (!Contains(tag)) return null;
        ReadOnlySpan<byte> value = elements[tag].Value.Span;
        if (value.Length > MaxTextBytes) throw Broken($"found {tag} of {value.Length} bytes, expected at most {MaxTextBytes}");
        string text = string.Concat(DicomCharacters.Decode(value, characterSet).Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return text.Length == 0 ? null : text;
    }

    /// <summary>The first of an element's texts, or null.</summary>
    /// <exception cref="ImageException">It is too long.</exception>
    public string? FirstText(DicomTag tag) => Text(tag)?.Split('\\')[0].Trim(' ', '\0') is { Length: > 0 } first ? first : null;

    /// <summary>The numbers of an element of decimal or integer strings (DS, IS); none where it is absent.</summary>
    /// <exception cref="ImageException">They are no finite numbers.</exception>
    public double[] Numbers(DicomTag tag)
    {
        if (Text(tag) is not { } text) return [];
        string[] parts = text.Split('\\');
        if (parts.Length > MaxNumbers) throw Broken($"found {parts.Length} values in {tag}, expected at most {MaxNumbers}");
        return [.. parts.Select(part => double.TryParse(part.Trim(' ', '\0'), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
            ? value
            : throw Broken($"found a value in {tag} that is no number"))];
    }

    /// <summary>The first value of 16 bits (US, or the bits of SS), or null.</summary>
    /// <exception cref="ImageException">The value is of another length.</exception>
    public ushort? Word(DicomTag tag) => Words(tag) is [ushort first, ..] ? first : null;

    /// <summary>The values of 16 bits; none where the element is absent.</summary>
    /// <exception cref="ImageException">The value is of another length.</exception>
    public ushort[] Words(DicomTag tag)
    {
        if (!Contains(tag)) return [];
        DicomElement element = elements[tag];
        ReadOnlySpan<byte> value = element.Value.Span;
        if (value.Length % sizeof(ushort) != 0) throw Broken($"found {tag} of {value.Length} bytes, expected numbers of {sizeof(ushort)} bytes");
        ushort[] words = new ushort[value.Length / sizeof(ushort)];
        for (int i = 0; i < words.Length; i++) words[i] = element.Encoding.U16(value[(i * sizeof(ushort))..]);
        return words;
    }

    /// <summary>A sequence's items, each read when it is reached; none where it is absent.</summary>
    /// <exception cref="ImageException">They are broken, or nested too deep.</exception>
    public IEnumerable<DicomDataSet> Items(DicomTag tag) => Find(tag) is { } element ? Slices(element).Select(item => Read(element, item)) : [];

    /// <summary>An item of a sequence, the first unless another is asked for; null where there is none. The others are not read.</summary>
    /// <exception cref="ImageException">It is broken, or nested too deep.</exception>
    public DicomDataSet? Item(DicomTag tag, int index = 0) => Find(tag) is { } element && Slices(element) is var items && index < items.Count ? Read(element, items[index]) : null;

    private List<ReadOnlyMemory<byte>> Slices(DicomElement element)
    {
        if (depth + 1 > DicomReader.MaxDepth) throw ImageException.OverLimit("nested DICOM sequences", depth + 1, DicomReader.MaxDepth);
        return new DicomReader(element.Value, element.Encoding, depth + 1).ReadItems(MaxItems);
    }

    private DicomDataSet Read(DicomElement element, ReadOnlyMemory<byte> item) => new DicomReader(item, element.Encoding, depth + 1).ReadDataSet();

    private static ImageException Broken(string fault) => ImageException.Broken(ImageFormat.Dicom, fault);
}
