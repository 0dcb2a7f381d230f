using System.Security.Cryptography;
using System.Text;

namespace MeLo.Edge.Bundles;

/// <summary>The blocks of a PEM file (RFC 7468). What stands between blocks, as OpenSSL's "Bag Attributes" do, is ignored.</summary>
internal static class PemFile
{
    /// <summary>A file of keys or certificates is a few KiB; the limit keeps a mistaken path from filling memory.</summary>
    public const int MaxLength = 1024 * 1024;

    public readonly record struct Block(string Label, byte[] Data);

    /// <summary>Reads a small file whole.</summary>
    /// <exception cref="BundleException">It is larger than <see cref="MaxLength"/>.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static byte[] ReadBytes(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        if (!file.CanSeek || file.Length > MaxLength)
            throw BundleException.InvalidKey(Path.GetFileName(path), $"expected a regular file of at most {MaxLength} bytes");
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Whether the bytes look like PEM rather than DER.</summary>
    public static bool IsPem(ReadOnlySpan<byte> bytes) => bytes.IndexOf("-----BEGIN "u8) >= 0;

    /// <summary>The blocks in order.</summary>
    /// <exception cref="BundleException">A block does not parse, or there is none.</exception>
    public static IReadOnlyList<Block> Blocks(ReadOnlySpan<byte> bytes, string source)
    {
        // Editors on Windows may put a UTF-8 byte order mark first; after it, PEM starts its line.
        if (bytes.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
        // Latin-1 keeps every byte, so comments in any encoding do not matter.
        ReadOnlySpan<char> text = Encoding.Latin1.GetString(bytes);
        List<Block> blocks = [];
        int begins = text.Count("-----BEGIN ");
        // "Proc-Type: 4,ENCRYPTED" is the headers of RFC 1421, which PemEncoding does not take for PEM.
        if (text.Contains("Proc-Type:", StringComparison.Ordinal))
            throw BundleException.InvalidKey(source, "found a key encrypted in OpenSSL's old form, expected PKCS#8 (convert it: openssl pkcs8 -topk8)");
        while (PemEncoding.TryFind(text, out PemFields fields))
        {
            byte[] data = new byte[fields.DecodedDataLength];
            if (!Convert.TryFromBase64Chars(text[fields.Base64Data], data, out int written) || written != data.Length)
                throw BundleException.InvalidKey(source, $"PEM block {blocks.Count} is not base64");
            blocks.Add(new Block(text[fields.Label].ToString(), data));
            text = text[fields.Location.End..];
        }
        if (blocks.Count != begins || blocks.Count == 0)
            throw BundleException.InvalidKey(source, $"found {begins} PEM beginnings and {blocks.Count} whole blocks, expected at least one and as many");
        return blocks;
    }
}
