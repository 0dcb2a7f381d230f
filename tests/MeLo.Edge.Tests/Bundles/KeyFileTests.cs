using System.Security.Cryptography;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>Key files and trust folders as people leave them.</summary>
public sealed class KeyFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SigningKey _key = SigningKey.Generate(SigningCurve.P256);

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void PrivateKey_IsWrittenForItsOwnerAlone()
    {
        string path = _folder["signing.key.pem"];
        _key.WritePrivatePem(path);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal([path], Directory.EnumerateFiles(_folder.Root));
        using SigningKey read = SigningKey.FromPemFile(path);
        Assert.Equal(_key.KeyHint, read.KeyHint);
    }

    [Fact]
    public void ExistingKey_IsNeverReplaced()
    {
        string path = _folder["signing.key.pem"];
        File.WriteAllText(path, "precious");
        Assert.Throws<IOException>(() => _key.WritePrivatePem(path));
        Assert.Throws<IOException>(() => _key.WritePublicPem(path));
        Assert.Equal("precious", File.ReadAllText(path));
        Assert.Equal([path], Directory.EnumerateFiles(_folder.Root));
    }

    [Fact]
    public void KeyHint_IsTheHashOfThePublicPemFile()
    {
        string path = _folder["signing.pub.pem"];
        _key.WritePublicPem(path);
        Assert.EndsWith("-----END PUBLIC KEY-----\n", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), _key.KeyHint);
    }

    [Theory]
    [InlineData("", "found 0 PEM beginnings")]
    [InlineData("not a key", "found 0 PEM beginnings")]
    [InlineData("-----BEGIN PRIVATE KEY-----\n", "found 1 PEM beginnings and 0 whole blocks")]
    [InlineData("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "'PRIVATE KEY': expected an elliptic-curve private key")]
    [InlineData("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "'EC PRIVATE KEY': expected an elliptic-curve private key")]
    [InlineData("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "found a PEM block 'OPENSSH PRIVATE KEY'")]
    [InlineData("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n", "found 0 keys")]
    public void OtherFile_IsNoSigningKey(string content, string message)
    {
        File.WriteAllText(_folder["key.pem"], content);
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["key.pem"]), message);
    }

    [Fact]
    public void PublicKeyOrTwoKeys_AreNoSigningKey()
    {
        File.WriteAllText(_folder["pub.pem"], _key.ExportPublicPem());
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["pub.pem"]), "found a PEM block 'PUBLIC KEY'");
        _key.WritePrivatePem(_folder["one.pem"]);
        File.WriteAllText(_folder["two.pem"], File.ReadAllText(_folder["one.pem"]) + File.ReadAllText(_folder["one.pem"]));
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["two.pem"]), "found 2 keys");
    }

    [Fact]
    public void HugeFile_IsRefusedUnread()
    {
        using (FileStream file = File.Create(_folder["huge.pem"])) file.SetLength(1L << 32);
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["huge.pem"]), "expected a regular file of at most");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => TrustStore.FromFile(_folder["huge.pem"]), "expected a regular file of at most");
    }

    [Fact]
    public void ChainOfAnotherKeyOrInAnotherOrder_IsRefused()
    {
        using TestAuthority root = new("CN=Root");
        using TestAuthority intermediate = new("CN=Intermediate", root);
        (string keyPath, string chainPath) = intermediate.IssueFiles(_folder, "CN=Signer");
        _key.WritePrivatePem(_folder["other.pem"]);
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["other.pem"], chainPath), "the first certificate is not for this private key");

        string[] certificates = File.ReadAllText(chainPath).Split("-----BEGIN", StringSplitOptions.RemoveEmptyEntries).Select(c => "-----BEGIN" + c).ToArray();
        File.WriteAllText(chainPath, certificates[0] + TestAuthority.Pem(root.Der) + certificates[1]);
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(keyPath, chainPath), "certificate 1 is 'CN=Root', expected the issuer of the one before, 'CN=Intermediate'");
        File.WriteAllText(chainPath, certificates[0] + certificates[0] + certificates[1]);
        using SigningKey repeated = SigningKey.FromPemFile(keyPath, chainPath);
        Assert.Equal(2, repeated.Certificates.Count);
        File.WriteAllText(chainPath, certificates[0] + File.ReadAllText(keyPath));
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(keyPath, chainPath), "found a PEM block 'PRIVATE KEY', expected only certificates");
    }

    [Fact]
    public void PublicKey_SavedWithAByteOrderMark_IsRead()
    {
        File.WriteAllBytes(_folder["marked.pem"], [0xEF, 0xBB, 0xBF, .. System.Text.Encoding.ASCII.GetBytes(_key.ExportPublicPem())]);
        Assert.Equal(1, TrustStore.FromFile(_folder["marked.pem"]).KeyCount);
    }

    [Fact]
    public void TrustFolder_TakesKeysAndAuthoritiesAndPassesOverDotFiles()
    {
        using TestAuthority root = new("CN=Root");
        using SigningKey other = SigningKey.Generate(SigningCurve.P521);
        File.WriteAllText(_folder["trust", "both.pem"], "# our keys\r\n" + _key.ExportPublicPem().ReplaceLineEndings("\r\n") + other.ExportPublicPem() + TestAuthority.Pem(root.Der));
        File.WriteAllText(_folder["trust", "again.pem"], _key.ExportPublicPem());
        File.WriteAllBytes(_folder["trust", "root.cer"], root.Der);
        File.WriteAllText(_folder["trust", ".gitkeep"], "");
        TrustStore trust = TrustStore.FromFileOrDirectory(Path.Combine(_folder.Root, "trust"));
        Assert.Equal((2, 1), (trust.KeyCount, trust.AuthorityCount));
        Assert.Equal("tuberculosis", Bundle.Open(TestBundles.Write(_key), trust, "a").Description.Task);
        Assert.Equal("tuberculosis", Bundle.Open(TestBundles.Write(other), trust, "a").Description.Task);
    }

    [Fact]
    public void EmptyTrustFolder_TrustsNobody()
    {
        TrustStore trust = TrustStore.FromDirectory(_folder.Root);
        TestBundles.Refused(BundleRefusal.Untrusted, () => Bundle.Open(TestBundles.Write(_key), trust, "a"), "none of the 0 trusted keys");
    }

    [Fact]
    public void PrivateKeyInTheTrustFolder_IsRefused()
    {
        _key.WritePrivatePem(_folder["oops.pem"]);
        TestBundles.Refused(BundleRefusal.InvalidKey, () => TrustStore.FromDirectory(_folder.Root), "oops.pem: found a private key");
    }

    [Fact]
    public void CertificateThatIsNoRootAuthority_IsNotTrusted()
    {
        using TestAuthority root = new("CN=Root");
        using TestAuthority intermediate = new("CN=Intermediate", root);
        using TestAuthority leaf = new("CN=Leaf", isAuthority: false);
        TestBundles.Refused(BundleRefusal.InvalidKey, () => intermediate.Trust(_folder), "was issued by another CA, expected a self-signed one; trust that CA, 'CN=Root'");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => leaf.Trust(_folder), "'CN=Leaf' is not a CA certificate");
    }

    [Theory]
    [InlineData("README.txt", "hello")]
    [InlineData("empty.pem", "")]
    [InlineData("broken.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")]
    [InlineData("broken2.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    [InlineData("crl.pem", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")]
    public void OtherFileInTheTrustFolder_IsRefusedByName(string name, string content)
    {
        File.WriteAllText(_folder[name], content);
        TestBundles.Refused(BundleRefusal.InvalidKey, () => TrustStore.FromDirectory(_folder.Root), name);
    }
}
