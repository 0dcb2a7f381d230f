using System.Security.Cryptography;
using System.Text;

namespace MeLo.Edge.Bundles;

/// <summary>One file of a model as OpenSSF Model Signing sees it: its relative path and its SHA-256.</summary>
public sealed record ModelResource
{
    private ModelResource(string name, string digest)
    {
        Name = name;
        Digest = digest;
    }

    /// <summary>The path from the model's root, with <c>/</c> between its parts.</summary>
    public string Name { get; }

    /// <summary>SHA-256 of the content, lower-case hex.</summary>
    public string Digest { get; }

    /// <summary>Orders resources as the standard does, by Unicode code point, which is the order of their UTF-8 bytes.</summary>
    /// <remarks>UTF-16, which .NET strings compare by, puts characters beyond U+FFFF before those from U+E000 to U+FFFF.</remarks>
    public static IComparer<string> NameOrder { get; } =
        Comparer<string>.Create((x, y) => Encoding.UTF8.GetBytes(x).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y)));

    /// <summary>A resource whose content is in memory.</summary>
    /// <exception cref="BundleException">The name is not a canonical relative path.</exception>
    public static ModelResource FromBytes(string name, ReadOnlySpan<byte> content) =>
        new(Checked(name), Convert.ToHexStringLower(SHA256.HashData(content)));

    /// <summary>A resource whose content is a file, which is streamed.</summary>
    /// <exception cref="BundleException">The name is not a canonical relative path.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ModelResource FromFile(string name, string path)
    {
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        return new ModelResource(Checked(name), Convert.ToHexStringLower(SHA256.HashData(stream)));
    }

    /// <summary>Whether a name is canonical (OMS 1.0, section 6.1.2): relative, <c>/</c> between parts, no empty, <c>.</c> or <c>..</c> part.</summary>
    internal static bool IsCanonical(string name) =>
        name.Split('/').All(part => part is not ("" or "." or "..")) && name.EnumerateRunes().All(r => r != Rune.ReplacementChar && r.Value != 0);

    private static string Checked(string name) => IsCanonical(name)
        ? name
        : throw BundleException.Malformed(PrintableText.Of(name), "expected a relative path in Unicode, with '/' between parts that are neither empty nor '.' or '..'");
}
