using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MeLo.Edge.Bundles;

/// <summary>
/// Checks the certificates of a signature against the CA certificates of a trust folder (RFC 5280): no network, no system roots.
/// </summary>
internal static class CertificateChain
{
    /// <summary>A signing hierarchy is two or three deep; the limit bounds the work that a hostile file can ask for.</summary>
    public const int MaxLength = 8;

    private const string CodeSigning = "1.3.6.1.5.5.7.3.3";

    /// <summary>Reads one certificate in DER; its extensions and its key are decoded later, when they are used.</summary>
    /// <exception cref="BundleException">It does not parse, or bytes follow it.</exception>
    public static X509Certificate2 Load(byte[] der, string source)
    {
        try
        {
            X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(der);
            if (certificate.RawDataMemory.Span.SequenceEqual(der)) return certificate;
            certificate.Dispose();
            throw BundleException.InvalidKey(source, "found bytes beyond the certificate, expected one certificate in DER");
        }
        catch (CryptographicException e)
        {
            throw BundleException.InvalidKey(source, "expected an X.509 certificate", e);
        }
    }

    /// <summary>Whether the certificate says that its key may issue others.</summary>
    public static bool IsAuthority(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(e => e.CertificateAuthority);

    /// <summary>A certificate may sign models with the digitalSignature key usage or the code-signing extended key usage.</summary>
    public static void CheckMaySign(X509Certificate2 certificate, Func<string, BundleException> refuse)
    {
        bool digitalSignature = certificate.Extensions.OfType<X509KeyUsageExtension>()
            .Any(e => e.KeyUsages.HasFlag(X509KeyUsageFlags.DigitalSignature));
        bool codeSigning = certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>()
            .Any(e => e.EnhancedKeyUsages.Cast<Oid>().Any(o => o.Value == CodeSigning));
        if (!digitalSignature && !codeSigning)
            throw refuse($"certificate '{Name(certificate)}' has neither the digitalSignature key usage nor the code-signing extended key usage");
    }

    /// <summary>Checks the chain and gives the leaf's key.</summary>
    /// <param name="certificates">DER, leaf first, as the signature carries them.</param>
    /// <param name="authorities">The trusted CA certificates, DER.</param>
    /// <param name="now">The time at which every certificate must be valid.</param>
    /// <param name="source">What to call the signature in error messages.</param>
    /// <param name="subject">The leaf's subject.</param>
    /// <exception cref="BundleException">The chain does not hold.</exception>
    public static PublicKey Verify(
        IReadOnlyList<byte[]> certificates, IReadOnlyList<byte[]> authorities, DateTimeOffset now, string source, out string subject)
    {
        if (certificates.Count > MaxLength)
            throw BundleException.InvalidSignature(source, $"found {certificates.Count} certificates, expected at most {MaxLength}");
        List<X509Certificate2> loaded = [];
        using X509Chain chain = new();
        try
        {
            foreach (byte[] der in certificates) loaded.Add(LoadSigned(der, $"certificate {loaded.Count}", source));
            chain.ChainPolicy.ExtraStore.AddRange(loaded.Skip(1).ToArray());
            foreach (byte[] der in authorities)
            {
                loaded.Add(Load(der, "trust"));
                chain.ChainPolicy.CustomTrustStore.Add(loaded[^1]);
            }
            CheckMaySign(loaded[0], fault => BundleException.Untrusted(source, fault));
            // A signer whose own certificate lies in the trust folder needs nobody to vouch for it.
            if (Holds(authorities, loaded[0])) CheckValidity(loaded[0], now, source);
            else CheckChain(chain, loaded[0], certificates, authorities, now, source);
            subject = Name(loaded[0]);
            return LeafKey(loaded[0], source);
        }
        catch (CryptographicException e)
        {
            // Extensions and keys are decoded when they are used.
            throw BundleException.InvalidSignature(source, "a certificate holds an extension or a key that is not well-formed", e);
        }
        finally
        {
            foreach (X509ChainElement element in chain.ChainElements) element.Certificate.Dispose();
            foreach (X509Certificate2 certificate in loaded) certificate.Dispose();
        }
    }

    private static void CheckChain(
        X509Chain chain, X509Certificate2 leaf, IReadOnlyList<byte[]> certificates, IReadOnlyList<byte[]> authorities, DateTimeOffset now, string source)
    {
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // a device has no network; a CA is revoked by removing its file
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = now.LocalDateTime;

        bool built = chain.Build(leaf);
        foreach (X509ChainElement element in chain.ChainElements) CheckValidity(element.Certificate, now, source);
        if (!built)
            throw BundleException.Untrusted(source, $"certificate '{Name(leaf)}' has no valid chain to one of the {authorities.Count} trusted CA certificates ({string.Join(", ", chain.ChainStatus.Select(s => s.Status))})");

        // The platform may complete a path from stores of its own; only what the signature and the trust folder hold counts.
        X509ChainElement[] path = [.. chain.ChainElements];
        foreach (X509ChainElement element in path)
            if (!Holds(certificates, element.Certificate) && !Holds(authorities, element.Certificate))
                throw BundleException.Untrusted(source, $"the chain of certificate '{Name(leaf)}' needs '{Name(element.Certificate)}', which the signature does not carry");
        if (!Holds(authorities, path[^1].Certificate))
            throw BundleException.Untrusted(source, $"the chain of certificate '{Name(leaf)}' ends at '{Name(path[^1].Certificate)}', which is not a trusted CA certificate");
        foreach (X509ChainElement issuer in path.Skip(1)) CheckMayIssue(issuer.Certificate, source);
    }

    private static bool Holds(IReadOnlyList<byte[]> certificates, X509Certificate2 certificate) =>
        certificates.Any(c => certificate.RawDataMemory.Span.SequenceEqual(c));

    private static void CheckValidity(X509Certificate2 certificate, DateTimeOffset now, string source)
    {
        DateTimeOffset from = certificate.NotBefore.ToUniversalTime();
        DateTimeOffset to = certificate.NotAfter.ToUniversalTime();
        if (now < from || now > to)
            throw BundleException.Untrusted(source, $"certificate '{Name(certificate)}' is valid from {from:u} to {to:u}, and it is {now.UtcDateTime:u}");
    }

    private static void CheckMayIssue(X509Certificate2 certificate, string source)
    {
        bool keyUsage = certificate.Extensions.OfType<X509KeyUsageExtension>().All(e => e.KeyUsages.HasFlag(X509KeyUsageFlags.KeyCertSign));
        if (!IsAuthority(certificate) || !keyUsage)
            throw BundleException.Untrusted(source, $"certificate '{Name(certificate)}' issued another one, and is not a CA certificate that may");
    }

    private static X509Certificate2 LoadSigned(byte[] der, string which, string source)
    {
        try
        {
            return Load(der, which);
        }
        catch (BundleException e)
        {
            throw BundleException.InvalidSignature(source, e.Message, e);
        }
    }

    private static PublicKey LeafKey(X509Certificate2 leaf, string source)
    {
        using ECDsa? key = leaf.GetECDsaPublicKey();
        if (key is not null && PublicKey.TryOf(key) is { } supported) return supported;
        throw BundleException.Untrusted(source, $"certificate '{Name(leaf)}' has no key on P-256, P-384 or P-521");
    }

    private static string Name(X509Certificate2 certificate) => PrintableText.Of(certificate.Subject);
}
