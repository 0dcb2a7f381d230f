using System.Globalization;

namespace MeLo.Edge.Adapters;

/// <summary>One linear layer of a ViT: the block, counted from 0, and which of its linears.</summary>
/// <param name="Layer">The block, from 0.</param>
/// <param name="Linear">The linear in the block.</param>
public readonly record struct LinearId(int Layer, VitLinear Linear) : IComparable<LinearId>
{
    private const string Prefix = "layers.";

    /// <summary>Recognises the form that <see cref="ToString"/> writes, and nothing else: no sign, no leading zero, no space.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out LinearId id)
    {
        id = default;
        if (!text.StartsWith(Prefix, StringComparison.Ordinal)) return false;
        ReadOnlySpan<char> rest = text[Prefix.Length..];
        int dot = rest.IndexOf('.');
        if (dot < 1 || (dot > 1 && rest[0] == '0')) return false;
        if (!int.TryParse(rest[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out int layer)) return false;
        if (!VitLinears.TryParse(rest[(dot + 1)..], out VitLinear linear)) return false;
        id = new LinearId(layer, linear);
        return true;
    }

    /// <summary>Orders by layer, then by linear.</summary>
    public int CompareTo(LinearId other) => Layer != other.Layer ? Layer.CompareTo(other.Layer) : Linear.CompareTo(other.Linear);

    /// <summary>Whether <paramref name="left"/> comes first.</summary>
    public static bool operator <(LinearId left, LinearId right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> comes first or is the same.</summary>
    public static bool operator <=(LinearId left, LinearId right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="right"/> comes first.</summary>
    public static bool operator >(LinearId left, LinearId right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="right"/> comes first or is the same.</summary>
    public static bool operator >=(LinearId left, LinearId right) => left.CompareTo(right) >= 0;

    /// <summary>The name in files and graphs: <c>layers.3.query</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Layer}.{Linear.Name()}");
}
