using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>Certificate mode: who may vouch for whom, and when.</summary>
public sealed class CertificateTests : IDisposable
{
    private static readonly FixedTime s_now = new(TestAuthority.From.AddYears(1));

    private readonly TemporaryFolder _folder = new();
    private readonly TestAuthority _root = new("CN=Hospital CA");

    public void Dispose()
    {
        _root.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void CertificateOfATrustedAuthority_IsAccepted()
    {
        using SigningKey key = _root.Issue(_folder, "CN=Model Team");
        BundleSignature signature = Open(key, _root);
        Assert.Equal((SigningMethod.Certificate, "CN=Model Team", key.KeyHint), (signature.Method, signature.Signer, signature.KeyHint));
    }

    [Fact]
    public void IntermediateAuthority_IsAcceptedWithAndWithoutTheRootInTheFile()
    {
        using TestAuthority intermediate = new("CN=Signing CA", _root);
        foreach (bool withRoot in (bool[])[false, true])
        {
            using SigningKey key = intermediate.Issue(_folder, "CN=Model Team", withRoot: withRoot);
            Assert.Equal(withRoot ? 3 : 2, key.Certificates.Count);
            Assert.Equal("CN=Model Team", Open(key, _root).Signer);
        }
    }

    [Fact]
    public void CodeSigningInsteadOfDigitalSignature_IsAccepted()
    {
        using SigningKey key = _root.Issue(_folder, "CN=Model Team", usage: X509KeyUsageFlags.None, codeSigning: true);
        Assert.Equal("CN=Model Team", Open(key, _root).Signer);
    }

    [Theory]
    [InlineData("nistP384", SigningCurve.P384)]
    [InlineData("nistP521", SigningCurve.P521)]
    public void OtherCurves_AreAccepted(string name, SigningCurve curve)
    {
        using SigningKey key = _root.Issue(_folder, "CN=Model Team", curve: ECCurve.CreateFromFriendlyName(name));
        Assert.Equal(curve, Open(key, _root).Curve);
    }

    [Fact]
    public void CertificateOfAnotherAuthorityOfTheSameName_IsUntrusted()
    {
        using TestAuthority impostor = new("CN=Hospital CA");
        using SigningKey key = impostor.Issue(_folder, "CN=Model Team");
        Refused(key, _root);
    }

    [Fact]
    public void RootInTheFileButNotInTheTrustFolder_IsUntrusted()
    {
        using TestAuthority stranger = new("CN=Stranger");
        using SigningKey key = stranger.Issue(_folder, "CN=Model Team", withRoot: true);
        Refused(key, _root, "has no valid chain to one of the 1 trusted CA certificates");
    }

    [Fact]
    public void NoAuthorities_IsUntrusted()
    {
        using SigningKey key = _root.Issue(_folder, "CN=Model Team");
        byte[] file = TestBundles.Write(key);
        TestBundles.Refused(BundleRefusal.Untrusted, () => Bundle.Open(file, TrustStore.FromKey(key), "a.melo", s_now), "one of the 0 trusted CA certificates");
    }

    [Fact]
    public void SameKeyTrustedInKeyModeOnly_DoesNotVouchForACertificate()
    {
        // A mismatch of method and material: the trust folder has the key, the file has a chain.
        using SigningKey key = _root.Issue(_folder, "CN=Model Team");
        string path = _folder["pub.pem"];
        key.WritePublicPem(path);
        TestBundles.Refused(BundleRefusal.Untrusted, () => Bundle.Open(TestBundles.Write(key), TrustStore.FromFile(path), "a.melo", s_now));
    }

    [Fact]
    public void MissingIntermediate_IsUntrusted()
    {
        using TestAuthority intermediate = new("CN=Signing CA", _root);
        (string keyPath, string chainPath) = intermediate.IssueFiles(_folder, "CN=Model Team");
        string all = File.ReadAllText(chainPath);
        File.WriteAllText(chainPath, all[..(all.IndexOf("-----END CERTIFICATE-----", StringComparison.Ordinal) + 26)]);
        using SigningKey key = SigningKey.FromPemFile(keyPath, chainPath);
        Refused(key, _root, "PartialChain");
    }

    [Fact]
    public void TimeTravel_AcceptsOnlyWhileEveryCertificateIsValid()
    {
        DateTimeOffset from = TestAuthority.From;
        using TestAuthority intermediate = new("CN=Signing CA", _root, from: from.AddYears(1), to: from.AddYears(4));
        using SigningKey key = intermediate.Issue(_folder, "CN=Model Team", from: from.AddYears(2), to: from.AddYears(3));
        byte[] file = TestBundles.Write(key);
        TrustStore trust = _root.Trust(_folder);
        Assert.NotNull(At(from.AddYears(2)));
        Assert.NotNull(At(from.AddYears(3).AddSeconds(-1)));
        foreach (DateTimeOffset time in (DateTimeOffset[])[from.AddDays(-1), from.AddMonths(6), from.AddYears(2).AddSeconds(-1), from.AddYears(3).AddSeconds(1), from.AddYears(5), from.AddYears(50)])
            TestBundles.Refused(BundleRefusal.Untrusted, () => At(time));
        TestBundles.Refused(BundleRefusal.Untrusted, () => At(from.AddYears(3).AddSeconds(1)), "certificate 'CN=Model Team' is valid from 2028-01-01 00:00:00Z to 2029-01-01 00:00:00Z");

        Bundle At(DateTimeOffset time) => Bundle.Open(file, trust, "a.melo", new FixedTime(time));
    }

    [Fact]
    public void ExpiredRoot_IsUntrusted()
    {
        using TestAuthority old = new("CN=Old CA", to: TestAuthority.From.AddMonths(1));
        using SigningKey key = old.Issue(_folder, "CN=Model Team");
        Refused(key, old, "certificate 'CN=Old CA' is valid");
    }

    [Fact]
    public void LeafThatIssuedAnother_IsUntrusted()
    {
        using TestAuthority leaf = new("CN=Not a CA", _root, isAuthority: false, mayIssue: false);
        using SigningKey key = leaf.Issue(_folder, "CN=Model Team");
        Refused(key, _root);
    }

    [Fact]
    public void AuthorityThatMayNotSignCertificates_IsUntrusted()
    {
        using TestAuthority weak = new("CN=Weak CA", _root, mayIssue: false);
        using SigningKey key = weak.Issue(_folder, "CN=Model Team");
        Refused(key, _root);
    }

    [Fact]
    public void PathLongerThanTheAuthorityAllows_IsUntrusted()
    {
        using TestAuthority first = new("CN=First", _root, pathLength: 0);
        using TestAuthority second = new("CN=Second", first);
        using SigningKey key = second.Issue(_folder, "CN=Model Team");
        Refused(key, _root);
    }

    [Fact]
    public void CertificateForOtherUses_CannotSign()
    {
        (string keyPath, string chainPath) = _root.IssueFiles(_folder, "CN=Web Server", usage: X509KeyUsageFlags.KeyAgreement);
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(keyPath, chainPath), "has neither the digitalSignature key usage nor the code-signing");

        // The same certificate in a file that somebody else wrote.
        using SigningKey bare = SigningKey.FromPemFile(keyPath);
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificateFromFile(chainPath);
        byte[] signature = ModelSignature.Sign("m", [ModelResource.FromBytes("a", [])], bare);
        System.Text.Json.Nodes.JsonNode file = System.Text.Json.Nodes.JsonNode.Parse(signature)!;
        byte[] payload = Convert.FromBase64String((string)file["dsseEnvelope"]!["payload"]!);
        byte[] forged = SigstoreBundle.WithCertificates([certificate.RawData], payload, bare.Sign(ModelSignature.PreAuthenticationEncoding(payload))).ToBytes();
        TestBundles.Refused(BundleRefusal.Untrusted, () => ModelSignature.Verify(forged, [ModelResource.FromBytes("a", [])], _root.Trust(_folder), "model.sig", s_now), "has neither");
    }

    [Fact]
    public void SelfSignedSignerThatIsTrustedItself_IsAccepted()
    {
        using ECDsa ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=Only Me", ecdsa, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        using X509Certificate2 certificate = request.CreateSelfSigned(TestAuthority.From, TestAuthority.To);
        string chain = _folder["self.pem"];
        string keyPath = _folder["self.key.pem"];
        File.WriteAllText(chain, TestAuthority.Pem(certificate.RawData));
        File.WriteAllText(keyPath, ecdsa.ExportECPrivateKeyPem());
        using SigningKey key = SigningKey.FromPemFile(keyPath, chain);
        byte[] file = TestBundles.Write(key);
        Assert.Equal("CN=Only Me", Bundle.Open(file, TrustStore.FromFile(chain), "a.melo", s_now).Signature.Signer);
        TestBundles.Refused(BundleRefusal.Untrusted, () => Bundle.Open(file, TrustStore.FromFile(chain), "a.melo", new FixedTime(TestAuthority.To.AddDays(1))));
        TestBundles.Refused(BundleRefusal.Untrusted, () => Bundle.Open(file, _root.Trust(_folder), "a.melo", s_now));
    }

    [Fact]
    public void CertificateOnAnotherCurve_IsUntrusted()
    {
        using ECDsa ecdsa = ECDsa.Create(ECCurve.NamedCurves.brainpoolP256r1);
        CertificateRequest request = new("CN=Brainpool", ecdsa, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        using X509Certificate2 certificate = request.CreateSelfSigned(TestAuthority.From, TestAuthority.To);
        string path = _folder["brainpool.pem"];
        File.WriteAllText(path, TestAuthority.Pem(certificate.RawData));
        byte[] file = SigstoreBundle.WithCertificates([certificate.RawData], "{}"u8.ToArray(), [1]).ToBytes();
        TestBundles.Refused(BundleRefusal.Untrusted, () => ModelSignature.Parse(file, "model.sig").Verify(TrustStore.FromFile(path), s_now), "has no key on P-256, P-384 or P-521");
    }

    [Fact]
    public void TooManyCertificates_AreInvalid()
    {
        byte[][] chain = [.. Enumerable.Repeat(_root.Der, 9)];
        byte[] file = SigstoreBundle.WithCertificates(chain, "{}"u8.ToArray(), [1]).ToBytes();
        TestBundles.Refused(BundleRefusal.InvalidSignature, () => ModelSignature.Parse(file, "model.sig").Verify(_root.Trust(_folder), s_now), "found 9 certificates, expected at most 8");
    }

    [Fact]
    public void CertificateWithBytesBehindIt_IsInvalid()
    {
        byte[] file = SigstoreBundle.WithCertificates([[.. _root.Der, 0]], "{}"u8.ToArray(), [1]).ToBytes();
        TestBundles.Refused(BundleRefusal.InvalidSignature, () => ModelSignature.Parse(file, "model.sig").Verify(_root.Trust(_folder), s_now), "certificate 0");
    }

    private BundleSignature Open(SigningKey key, TestAuthority trusted) =>
        Bundle.Open(TestBundles.Write(key), trusted.Trust(_folder), "a.melo", s_now).Signature;

    private void Refused(SigningKey key, TestAuthority trusted, string? message = null) =>
        TestBundles.Refused(BundleRefusal.Untrusted, () => Open(key, trusted), message);
}
