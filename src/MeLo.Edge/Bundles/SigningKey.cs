using System.Security.Cryptography.X509Certificates;
using System.Security.Cryptography;
using MeLo.Edge.Native.Cng;

namespace MeLo.Edge.Bundles;

/// <summary>
/// The private key that signs bundles, with or without a certificate chain. Reads what OpenSSL writes (<c>EC PRIVATE KEY</c> with or
/// without <c>EC PARAMETERS</c>, <c>PRIVATE KEY</c>, <c>ENCRYPTED PRIVATE KEY</c>) and writes what OpenSSL reads.
/// </summary>
public sealed class SigningKey : IDisposable
{
    private readonly ECDsa _key;

    private SigningKey(ECDsa key, SigningCurve curve, IReadOnlyList<byte[]> certificates)
    {
        _key = key;
        Curve = curve;
        Certificates = certificates;
        KeyHint = PublicKey.HintOf(key);
    }

    /// <summary>The key's curve.</summary>
    public SigningCurve Curve { get; }

    /// <summary>The hex SHA-256 of the public key's PEM text: how signatures and reports name the key.</summary>
    public string KeyHint { get; }

    /// <summary>Whether signatures carry a certificate chain (certificate mode) instead of the key's hint (key mode).</summary>
    public bool HasCertificates => Certificates.Count > 0;

    /// <summary>The chain in DER, leaf first; empty in key mode.</summary>
    internal IReadOnlyList<byte[]> Certificates { get; }

    /// <summary>Makes a new key.</summary>
    public static SigningKey Generate(SigningCurve curve) => new(EcdsaKeys.Create(curve.Curve()), curve, []);

    /// <summary>Reads a private key, and for certificate mode its chain.</summary>
    /// <param name="path">A PEM file with one elliptic-curve private key.</param>
    /// <param name="certificateChainPath">A PEM file with the key's certificate first, then the one that issued it, and so on.</param>
    /// <param name="password">The password of an <c>ENCRYPTED PRIVATE KEY</c>.</param>
    /// <exception cref="BundleException">The key or the chain cannot be used; the message says why.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static SigningKey FromPemFile(string path, string? certificateChainPath = null, string? password = null)
    {
        string source = Path.GetFileName(path);
        ECDsa key = ReadKey(PemFile.Blocks(PemFile.ReadBytes(path), source), source, password);
        try
        {
            if (!SigningCurves.TryOf(key, out SigningCurve curve))
                throw BundleException.InvalidKey(source, "found a key on another curve, expected P-256, P-384 or P-521, by name");
            return new SigningKey(key, curve, certificateChainPath is null ? [] : ReadChain(certificateChainPath, key));
        }
        catch (CryptographicException e)
        {
            // Extensions and keys of certificates are decoded when they are used.
            key.Dispose();
            throw BundleException.InvalidKey(source, "the key or a certificate of its chain is not well-formed", e);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>The public key as OpenSSL writes it: PEM SubjectPublicKeyInfo with a final newline.</summary>
    public string ExportPublicPem() => PublicKey.PemOf(_key);

    /// <summary>
    /// Writes the private key as PKCS#8 PEM, readable by its owner alone (mode 0600), whole or not at all. Never replaces a file:
    /// a lost signing key cannot be had back.
    /// </summary>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public void WritePrivatePem(string path) => PrivateFile.Write(path, _key.ExportPkcs8PrivateKeyPem() + "\n", ownerOnly: true);

    /// <summary>Writes <see cref="ExportPublicPem"/>, whole or not at all. Never replaces a file.</summary>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    public void WritePublicPem(string path) => PrivateFile.Write(path, ExportPublicPem(), ownerOnly: false);

    /// <summary>Forgets the key.</summary>
    public void Dispose() => _key.Dispose();

    /// <summary>An ASN.1 DER signature with the curve's hash.</summary>
    internal byte[] Sign(ReadOnlySpan<byte> data) => _key.SignData(data, Curve.Hash(), DSASignatureFormat.Rfc3279DerSequence);

    private static ECDsa ReadKey(IReadOnlyList<PemFile.Block> blocks, string source, string? password)
    {
        // OpenSSL's ecparam writes the curve once more in a block of its own; the key repeats it.
        PemFile.Block[] keys = [.. blocks.Where(b => b.Label is not ("EC PARAMETERS" or "CERTIFICATE"))];
        if (keys.Length != 1)
            throw BundleException.InvalidKey(source, $"found {keys.Length} keys, expected one private key");
        ECDsa key = EcdsaKeys.Create();
        try
        {
            switch (keys[0].Label)
            {
                case "EC PRIVATE KEY":
                    key.ImportECPrivateKey(keys[0].Data, out _);
                    break;
                case "PRIVATE KEY":
                    key.ImportPkcs8PrivateKey(keys[0].Data, out _);
                    break;
                case "ENCRYPTED PRIVATE KEY" when password is not null:
                    key.ImportEncryptedPkcs8PrivateKey(password, keys[0].Data, out _);
                    break;
                case "ENCRYPTED PRIVATE KEY":
                    throw BundleException.InvalidKey(source, "the private key is encrypted and no password was given");
                default:
                    throw BundleException.InvalidKey(source, $"found a PEM block '{keys[0].Label}', expected an elliptic-curve private key");
            }
            return key;
        }
        catch (CryptographicException e)
        {
            key.Dispose();
            string expected = keys[0].Label == "ENCRYPTED PRIVATE KEY" ? "the password opens no elliptic-curve private key" : "expected an elliptic-curve private key";
            throw BundleException.InvalidKey(source, $"'{keys[0].Label}': {expected}", e);
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private static List<byte[]> ReadChain(string path, ECDsa key)
    {
        string source = Path.GetFileName(path);
        List<byte[]> chain = [];
        X500DistinguishedName? issuer = null;
        foreach (PemFile.Block block in PemFile.Blocks(PemFile.ReadBytes(path), source))
        {
            if (block.Label != "CERTIFICATE") throw BundleException.InvalidKey(source, $"found a PEM block '{block.Label}', expected only certificates");
            if (chain.Exists(c => c.AsSpan().SequenceEqual(block.Data))) continue;
            using X509Certificate2 certificate = CertificateChain.Load(block.Data, $"{source}: certificate {chain.Count}");
            if (issuer is not null && !certificate.SubjectName.RawData.AsSpan().SequenceEqual(issuer.RawData))
                throw BundleException.InvalidKey(source, $"certificate {chain.Count} is '{certificate.Subject}', expected the issuer of the one before, '{issuer.Name}'");
            issuer = certificate.IssuerName;
            if (chain.Count == 0)
            {
                CertificateChain.CheckMaySign(certificate, fault => BundleException.InvalidKey(source, fault));
                using ECDsa? leaf = certificate.GetECDsaPublicKey();
                if (leaf is null || PublicKey.HintOf(leaf) != PublicKey.HintOf(key))
                    throw BundleException.InvalidKey(source, "the first certificate is not for this private key");
            }
            chain.Add(block.Data);
        }
        return chain;
    }
}
