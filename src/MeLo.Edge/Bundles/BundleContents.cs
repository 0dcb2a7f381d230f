using System.Security.Cryptography;
using MeLo.Edge.Adapters;

namespace MeLo.Edge.Bundles;

/// <summary>
/// What is in a bundle, whoever made it. On its own it is for looking at: an engine takes a <see cref="Bundle"/>, whose signature
/// was verified, and there is no way from here to there but <see cref="Bundle.Open(string, TrustStore, TimeProvider?)"/>.
/// </summary>
public sealed class BundleContents
{
    private static readonly byte[] s_pngSignature = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    private BundleContents(AdapterDescription description, LoraAdapter adapter, Probe probe, ReadOnlyMemory<byte>? preview, string digest, SigningMethod? claim)
    {
        Description = description;
        Adapter = adapter;
        Probe = probe;
        Preview = preview;
        Digest = digest;
        SignatureClaim = claim;
    }

    /// <summary>The content of <c>adapter.json</c>.</summary>
    public AdapterDescription Description { get; }

    /// <summary>The adapter.</summary>
    public LoraAdapter Adapter { get; }

    /// <summary>The self-test.</summary>
    public Probe Probe { get; }

    /// <summary>The PNG file for a model card, or null.</summary>
    public ReadOnlyMemory<byte>? Preview { get; }

    /// <summary>SHA-256 of the whole file: <c>sha256:</c> and 64 hex digits.</summary>
    public string Digest { get; }

    /// <summary>The method of the signature that the file carries, which may be anybody's; null when it is not signed.</summary>
    public SigningMethod? SignatureClaim { get; }

    /// <summary>Reads the whole file, once; a larger one than any bundle can be is refused before memory is reserved.</summary>
    internal static byte[] ReadFile(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        string source = Path.GetFileName(path);
        if (!file.CanSeek) throw BundleException.Malformed(source, "is not a regular file");
        if (file.Length > BundleEntry.MaxFileLength)
            throw BundleException.Malformed(source, $"found {file.Length} bytes, expected at most {BundleEntry.MaxFileLength}");
        byte[] bytes = new byte[file.Length];
        int read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return read == bytes.Length ? bytes : throw BundleException.Malformed(source, $"found {read} bytes where the file had {bytes.Length}: it is still being written");
    }

    internal static string DigestOf(ReadOnlySpan<byte> file) => AdapterDescription.DigestPrefix + Convert.ToHexStringLower(SHA256.HashData(file));

    /// <summary>Parses the payloads of a container; whether they were signed is the caller's business.</summary>
    internal static BundleContents Parse(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> entries, string digest, string source)
    {
        AdapterDescription description = AdapterDescription.Parse(entries[BundleEntry.DescriptionName], $"{source}: {BundleEntry.DescriptionName}");
        LoraAdapter adapter = AdapterTensors.Read(entries[BundleEntry.AdapterName], description, source);
        Probe probe = Probe.Read(entries[BundleEntry.ProbeName], description, adapter.Head.Classes, source);
        ReadOnlyMemory<byte>? preview = null;
        if (entries.TryGetValue(BundleEntry.PreviewName, out ReadOnlyMemory<byte> png))
        {
            if (!png.Span.StartsWith(s_pngSignature))
                throw BundleException.Of(BundleRefusal.InvalidPreview, source, $"{BundleEntry.PreviewName} does not start as a PNG file does");
            preview = png;
        }
        SigningMethod? claim = entries.TryGetValue(BundleEntry.SignatureName, out ReadOnlyMemory<byte> signature)
            ? ModelSignature.Parse(signature, $"{source}: {BundleEntry.SignatureName}").Method
            : null;
        return new BundleContents(description, adapter, probe, preview, digest, claim);
    }
}
