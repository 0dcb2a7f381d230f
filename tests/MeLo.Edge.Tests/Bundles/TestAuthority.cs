using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>A certificate authority that can also issue what it should not.</summary>
internal sealed class TestAuthority : IDisposable
{
    public static readonly DateTimeOffset From = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    public static readonly DateTimeOffset To = new(2036, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
    private readonly TestAuthority? _issuer;

    /// <summary>A root, or below <paramref name="issuer"/> an intermediate.</summary>
    public TestAuthority(string subject, TestAuthority? issuer = null, bool isAuthority = true, bool mayIssue = true,
        DateTimeOffset? from = null, DateTimeOffset? to = null, int? pathLength = null)
    {
        _issuer = issuer;
        CertificateRequest request = new(subject, _key, HashAlgorithmName.SHA384);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, pathLength is not null, pathLength ?? 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(mayIssue ? X509KeyUsageFlags.KeyCertSign : X509KeyUsageFlags.DigitalSignature, critical: true));
        using X509Certificate2 certificate = issuer is null
            ? request.CreateSelfSigned(from ?? From, to ?? To)
            : request.Create(issuer.Name, issuer.Generator, from ?? From, to ?? To, Serial());
        Der = certificate.RawData;
        Name = certificate.SubjectName;
    }

    public byte[] Der { get; }

    private X500DistinguishedName Name { get; }

    private X509SignatureGenerator Generator => X509SignatureGenerator.CreateForECDsa(_key);

    /// <summary>The trust folder with this authority alone.</summary>
    public TrustStore Trust(TemporaryFolder folder)
    {
        string path = folder[$"{Guid.NewGuid():n}.pem"];
        File.WriteAllText(path, Pem(Der));
        return TrustStore.FromFile(path);
    }

    /// <summary>A signing key with a certificate of this authority.</summary>
    public SigningKey Issue(TemporaryFolder folder, string subject, X509KeyUsageFlags usage = X509KeyUsageFlags.DigitalSignature, bool codeSigning = false,
        DateTimeOffset? from = null, DateTimeOffset? to = null, ECCurve? curve = null, bool withRoot = false)
    {
        (string key, string chain) = IssueFiles(folder, subject, usage, codeSigning, from, to, curve, withRoot);
        return SigningKey.FromPemFile(key, chain);
    }

    /// <summary>The same as files: the key, and its chain up to and without the root.</summary>
    public (string Key, string Chain) IssueFiles(TemporaryFolder folder, string subject, X509KeyUsageFlags usage = X509KeyUsageFlags.DigitalSignature, bool codeSigning = false,
        DateTimeOffset? from = null, DateTimeOffset? to = null, ECCurve? curve = null, bool withRoot = false)
    {
        using ECDsa key = ECDsa.Create(curve ?? ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new(subject, key, HashAlgorithmName.SHA256);
        if (usage != X509KeyUsageFlags.None) request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, critical: true));
        if (codeSigning) request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.3")], critical: false));
        using X509Certificate2 certificate = request.Create(Name, Generator, from ?? From, to ?? To, Serial());
        StringBuilder chain = new(Pem(certificate.RawData));
        for (TestAuthority authority = this; withRoot || authority._issuer is not null; authority = authority._issuer)
        {
            chain.Append(Pem(authority.Der));
            if (authority._issuer is null) break;
        }
        string keyPath = folder[$"{Guid.NewGuid():n}.key.pem"];
        string chainPath = folder[$"{Guid.NewGuid():n}.chain.pem"];
        File.WriteAllText(keyPath, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(chainPath, chain.ToString());
        return (keyPath, chainPath);
    }

    public void Dispose() => _key.Dispose();

    public static string Pem(byte[] der) => PemEncoding.WriteString("CERTIFICATE", der) + "\n";

    private static byte[] Serial() => [1, .. RandomNumberGenerator.GetBytes(8)];
}
