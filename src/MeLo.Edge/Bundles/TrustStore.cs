using System.Security.Cryptography.X509Certificates;
using System.Security.Cryptography;
using System.Text;
using MeLo.Edge.Native.Cng;

namespace MeLo.Edge.Bundles;

/// <summary>
/// The public keys and CA certificates whose signatures a device accepts: the files of its trust folder. Immutable once read, and
/// safe for concurrent use; read it again to take up a change.
/// </summary>
/// <remarks>
/// A file holds elliptic-curve public keys (PEM <c>PUBLIC KEY</c>) or self-signed CA certificates (PEM or DER). Anything else is
/// refused, a private key above all; files whose name starts with a dot are passed over.
/// </remarks>
public sealed class TrustStore
{
    private readonly Dictionary<string, (PublicKey Key, string File)> _keys = new(StringComparer.Ordinal);
    private readonly List<byte[]> _authorities = [];

    private TrustStore()
    {
    }

    /// <summary>The number of trusted public keys.</summary>
    public int KeyCount => _keys.Count;

    /// <summary>The number of trusted CA certificates.</summary>
    public int AuthorityCount => _authorities.Count;

    /// <summary>The trusted CA certificates in DER.</summary>
    internal IReadOnlyList<byte[]> Authorities => _authorities;

    /// <summary>Reads every file directly in a folder; an empty folder trusts nobody.</summary>
    /// <exception cref="BundleException">A file is neither a public key nor a CA certificate; the message names it.</exception>
    /// <exception cref="IOException">The folder or a file cannot be read.</exception>
    public static TrustStore FromDirectory(string folder) =>
        FromFiles(Directory.EnumerateFiles(folder).Where(f => !Path.GetFileName(f).StartsWith('.')).Order(StringComparer.Ordinal));

    /// <summary>Reads one file.</summary>
    /// <exception cref="BundleException">It is neither a public key nor a CA certificate.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static TrustStore FromFile(string path) => FromFiles([path]);

    /// <summary>Reads a file or, where the path is a folder's, every file in it.</summary>
    /// <exception cref="BundleException">A file is neither a public key nor a CA certificate.</exception>
    /// <exception cref="IOException">Something cannot be read.</exception>
    public static TrustStore FromFileOrDirectory(string path) => Directory.Exists(path) ? FromDirectory(path) : FromFile(path);

    /// <summary>Trusts one key that is in memory: for whoever signs and checks in one program.</summary>
    public static TrustStore FromKey(SigningKey key)
    {
        TrustStore store = new();
        store.AddBytes(Encoding.ASCII.GetBytes(key.ExportPublicPem()), $"key {key.KeyHint}");
        return store;
    }

    /// <summary>The trusted key that a signature names.</summary>
    internal PublicKey? Find(string hint, out string file)
    {
        bool found = _keys.TryGetValue(hint, out (PublicKey Key, string File) entry);
        file = found ? entry.File : string.Empty;
        return entry.Key;
    }

    private static TrustStore FromFiles(IEnumerable<string> paths)
    {
        TrustStore store = new();
        foreach (string path in paths) store.AddFile(path);
        return store;
    }

    private void AddFile(string path) => AddBytes(PemFile.ReadBytes(path), Path.GetFileName(path));

    private void AddBytes(byte[] bytes, string source)
    {
        if (!PemFile.IsPem(bytes))
        {
            AddAuthority(bytes, source);
            return;
        }
        foreach (PemFile.Block block in PemFile.Blocks(bytes, source))
        {
            if (block.Label == "PUBLIC KEY") AddKey(block.Data, source);
            else if (block.Label == "CERTIFICATE") AddAuthority(block.Data, source);
            else if (block.Label.EndsWith("PRIVATE KEY", StringComparison.Ordinal))
                throw BundleException.InvalidKey(source, "found a private key, expected public keys or CA certificates only: a private key does not belong on a device");
            else throw BundleException.InvalidKey(source, $"found a PEM block '{PrintableText.Of(block.Label)}', expected a public key or a CA certificate");
        }
    }

    private void AddKey(byte[] spki, string source)
    {
        using ECDsa key = EcdsaKeys.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(spki, out int read);
            if (read != spki.Length) throw new CryptographicException("bytes follow the key");
        }
        catch (CryptographicException e)
        {
            throw BundleException.InvalidKey(source, "expected an elliptic-curve public key", e);
        }
        PublicKey trusted = PublicKey.TryOf(key)
            ?? throw BundleException.InvalidKey(source, "found a public key on another curve, expected P-256, P-384 or P-521, by name");
        _keys.TryAdd(trusted.Hint, (trusted, source)); // the same key may lie in two files
    }

    private void AddAuthority(byte[] der, string source)
    {
        using X509Certificate2 certificate = CertificateChain.Load(der, source);
        if (!IsAuthority(certificate, source))
            throw BundleException.InvalidKey(source, $"certificate '{PrintableText.Of(certificate.Subject)}' is not a CA certificate (its basicConstraints do not say CA)");
        if (!certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData))
            throw BundleException.InvalidKey(source, $"certificate '{PrintableText.Of(certificate.Subject)}' was issued by another CA, expected a self-signed one; trust that CA, '{PrintableText.Of(certificate.Issuer)}'");
        if (!_authorities.Exists(a => a.AsSpan().SequenceEqual(der))) _authorities.Add(der);
    }

    private static bool IsAuthority(X509Certificate2 certificate, string source)
    {
        try
        {
            return CertificateChain.IsAuthority(certificate);
        }
        catch (CryptographicException e)
        {
            // Extensions are decoded when they are used.
            throw BundleException.InvalidKey(source, "the certificate holds an extension that is not well-formed", e);
        }
    }
}
