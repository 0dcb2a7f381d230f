using System.Globalization;
using System.Text;

namespace MeLo.Edge.Bundles;

/// <summary>
/// A signature of the OpenSSF Model Signing specification v1.0, over a set of named files: those of a bundle, or of a folder.
/// Key mode and certificate mode with ECDSA; SHA-256 over whole files. Keyless signing (Sigstore's) is refused: it needs a network.
/// </summary>
/// <example>
/// <code>
/// byte[] file = ModelSignature.Sign("my-model", ModelFolder.Enumerate("my-model"), key);
/// ModelSignature.Verify(file, ModelFolder.Enumerate("my-model"), trust, "model.sig");
/// </code>
/// </example>
public sealed class ModelSignature
{
    private readonly SigstoreBundle _bundle;
    private readonly string _source;

    private ModelSignature(SigstoreBundle bundle, string source)
    {
        _bundle = bundle;
        _source = source;
    }

    /// <summary>How the signer wants to be known.</summary>
    public SigningMethod Method => _bundle.KeyHint is null ? SigningMethod.Certificate : SigningMethod.Key;

    /// <summary>Signs a model.</summary>
    /// <param name="modelName">What to call the model in the statement: the name of its folder; for people only.</param>
    /// <param name="resources">The model's files, at least one, in any order.</param>
    /// <param name="key">The key; with a certificate chain the signature is in certificate mode.</param>
    /// <param name="ignorePaths">Paths that were left out besides the standard's own, to be recorded.</param>
    /// <returns>The signature file.</returns>
    /// <exception cref="BundleException">There is no file.</exception>
    public static byte[] Sign(string modelName, IReadOnlyCollection<ModelResource> resources, SigningKey key, IReadOnlyCollection<string>? ignorePaths = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(modelName);
        if (resources.Count == 0) throw BundleException.InvalidSignature(modelName, "found no file to sign, expected at least one");
        byte[] payload = SignedManifest.Write(modelName, resources, SignedManifest.DefaultIgnorePaths.Concat(ignorePaths ?? []));
        byte[] signature = key.Sign(PreAuthenticationEncoding(payload));
        SigstoreBundle bundle = key.HasCertificates
            ? SigstoreBundle.WithCertificates(key.Certificates, payload, signature)
            : SigstoreBundle.WithKey(key.KeyHint, payload, signature);
        return bundle.ToBytes();
    }

    /// <summary>Reads a signature file; nothing is verified yet.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="source">What to call it in error messages.</param>
    /// <exception cref="BundleException">It is not a model signature in key or certificate mode.</exception>
    public static ModelSignature Parse(ReadOnlyMemory<byte> file, string source) => new(SigstoreBundle.Read(file, source), source);

    /// <summary>Verifies a signature over a model in one step: trusted signer, same files, nothing left out but the standard's own paths.</summary>
    /// <exception cref="BundleException">It does not verify; <see cref="BundleException.Refusal"/> says in which way.</exception>
    public static BundleSignature Verify(
        ReadOnlyMemory<byte> file, IReadOnlyCollection<ModelResource> resources, TrustStore trust, string source, TimeProvider? time = null)
    {
        (SignedManifest manifest, BundleSignature signature) = Parse(file, source).Verify(trust, time);
        string? beyond = manifest.IgnorePaths.FirstOrDefault(p => !SignedManifest.DefaultIgnorePaths.Contains(p));
        if (beyond is not null)
            throw BundleException.InvalidSignature(source, $"ignore_paths has '{PrintableText.Of(beyond)}', expected only {string.Join(", ", SignedManifest.DefaultIgnorePaths)}");
        manifest.Check(resources, source);
        return signature;
    }

    /// <summary>Verifies the signature itself. What it says is then to be compared with the model: <see cref="SignedManifest.Check"/>.</summary>
    /// <param name="trust">Whose signatures are accepted.</param>
    /// <param name="time">The clock that certificates must be valid by; the system's when null.</param>
    /// <exception cref="BundleException">The signer is not trusted, the signature is wrong, or the statement is not one of the standard's.</exception>
    public (SignedManifest Manifest, BundleSignature Signature) Verify(TrustStore trust, TimeProvider? time = null)
    {
        (PublicKey key, string signer) = FindKey(trust, (time ?? TimeProvider.System).GetUtcNow());
        if (!key.Verify(PreAuthenticationEncoding(_bundle.Payload), _bundle.Signature))
            throw BundleException.Tampered(_source, $"the signature does not verify with the key of '{signer}'");
        return (SignedManifest.Read(_bundle.Payload, _source), new BundleSignature(Method, signer, key.Hint, key.Curve));
    }

    /// <summary>What is signed: DSSE v1.0's encoding, which no other payload type shares.</summary>
    internal static byte[] PreAuthenticationEncoding(byte[] payload)
    {
        string prefix = string.Create(CultureInfo.InvariantCulture,
            $"DSSEv1 {SigstoreBundle.PayloadType.Length} {SigstoreBundle.PayloadType} {payload.Length} ");
        return [.. Encoding.ASCII.GetBytes(prefix), .. payload];
    }

    private (PublicKey Key, string Signer) FindKey(TrustStore trust, DateTimeOffset now)
    {
        if (_bundle.KeyHint is not { } hint)
        {
            PublicKey leaf = CertificateChain.Verify(_bundle.Certificates, trust.Authorities, now, _source, out string subject);
            return (leaf, subject);
        }
        PublicKey? key = trust.Find(hint, out string file);
        return key is null
            ? throw BundleException.Untrusted(_source, $"signed with the key {PrintableText.Of(hint)}, which is none of the {trust.KeyCount} trusted keys")
            : (key, file);
    }
}
