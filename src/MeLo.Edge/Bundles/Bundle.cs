using MeLo.Edge.Adapters;

namespace MeLo.Edge.Bundles;

/// <summary>
/// A <c>.melo</c> bundle whose signature was verified: one task's adapter, its description and its self-test. There is no other way
/// to make one. See docs/bundle-format.md.
/// </summary>
public sealed class Bundle
{
    private readonly BundleContents _contents;

    private Bundle(BundleContents contents, BundleSignature signature, ReadOnlyMemory<byte> file)
    {
        _contents = contents;
        Signature = signature;
        File = file;
    }

    /// <summary>The content of <c>adapter.json</c>.</summary>
    public AdapterDescription Description => _contents.Description;

    /// <summary>The adapter.</summary>
    public LoraAdapter Adapter => _contents.Adapter;

    /// <summary>The self-test.</summary>
    public Probe Probe => _contents.Probe;

    /// <summary>The PNG file for a model card, or null.</summary>
    public ReadOnlyMemory<byte>? Preview => _contents.Preview;

    /// <summary>SHA-256 of the whole file: <c>sha256:</c> and 64 hex digits.</summary>
    public string Digest => _contents.Digest;

    /// <summary>Who signed.</summary>
    public BundleSignature Signature { get; }

    /// <summary>The very bytes that were verified and parsed.</summary>
    public ReadOnlyMemory<byte> File { get; }

    /// <summary>Reads a bundle once, verifies its signature, and parses the same bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="trust">Whose signatures are accepted.</param>
    /// <param name="time">The clock that certificates must be valid by; the system's when null. Expiry of the bundle itself is for
    /// whoever activates it: <see cref="AdapterDescription.IsExpired"/>.</param>
    /// <exception cref="BundleException">The bundle is refused; <see cref="BundleException.Refusal"/> says in which way.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Bundle Open(string path, TrustStore trust, TimeProvider? time = null) =>
        Open(BundleContents.ReadFile(path), trust, Path.GetFileName(path), time);

    /// <summary>The same for a file that is in memory; it must not change afterwards.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="trust">Whose signatures are accepted.</param>
    /// <param name="source">What to call the bundle in error messages.</param>
    /// <param name="time">The clock that certificates must be valid by; the system's when null.</param>
    /// <exception cref="BundleException">The bundle is refused; <see cref="BundleException.Refusal"/> says in which way.</exception>
    public static Bundle Open(ReadOnlyMemory<byte> file, TrustStore trust, string source, TimeProvider? time = null)
    {
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> entries = ZipReader.Read(file, source);
        BundleSignature signature = VerifySignature(entries, trust, source, time);
        return new Bundle(BundleContents.Parse(entries, BundleContents.DigestOf(file.Span), source), signature, file);
    }

    /// <summary>Reads a bundle without asking who made it: to look at it, never to run it.</summary>
    /// <exception cref="BundleException">It is not a well-formed bundle.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static BundleContents OpenUnverified(string path) => OpenUnverified(BundleContents.ReadFile(path), Path.GetFileName(path));

    /// <summary>The same for a file that is in memory; it must not change afterwards.</summary>
    /// <exception cref="BundleException">It is not a well-formed bundle.</exception>
    public static BundleContents OpenUnverified(ReadOnlyMemory<byte> file, string source) =>
        BundleContents.Parse(ZipReader.Read(file, source), BundleContents.DigestOf(file.Span), source);

    private static BundleSignature VerifySignature(
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> entries, TrustStore trust, string source, TimeProvider? time)
    {
        if (!entries.TryGetValue(BundleEntry.SignatureName, out ReadOnlyMemory<byte> file)) throw BundleException.NotSigned(source);
        return ModelSignature.Verify(file, SignedResources(entries), trust, $"{source}: {BundleEntry.SignatureName}", time);
    }

    /// <summary>What a bundle's signature is over: every other entry.</summary>
    internal static IReadOnlyCollection<ModelResource> SignedResources(IReadOnlyDictionary<string, ReadOnlyMemory<byte>> entries) =>
        [.. entries.Where(e => e.Key != BundleEntry.SignatureName).Select(e => ModelResource.FromBytes(e.Key, e.Value.Span))];
}
