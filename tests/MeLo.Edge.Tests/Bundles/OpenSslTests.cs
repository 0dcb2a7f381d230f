using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>OpenSSL verifies what we sign, and we verify what OpenSSL signs: keys, certificates, all curves.</summary>
public sealed class OpenSslTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string, SigningCurve> Curves { get; } = new()
    {
        { "prime256v1", "sha256", SigningCurve.P256 }, { "secp384r1", "sha384", SigningCurve.P384 }, { "secp521r1", "sha512", SigningCurve.P521 },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Curves))]
    public void OurSignature_IsVerifiedByOpenSsl(string name, string hash, SigningCurve curve)
    {
        using SigningKey key = SigningKey.Generate(curve);
        key.WritePublicPem(_folder["pub.pem"]);
        Assert.Contains(name, Run("pkey", "-pubin", "-in", "pub.pem", "-noout", "-text"), StringComparison.Ordinal);
        VerifyWithOpenSsl(TestBundles.Write(key), hash);
    }

    [Theory]
    [MemberData(nameof(Curves))]
    public void OurSignatureInCertificateMode_IsVerifiedByOpenSslWithTheLeafsKey(string name, string hash, SigningCurve curve)
    {
        MakeAuthority();
        MakeLeaf(name);
        using SigningKey key = SigningKey.FromPemFile(_folder["leaf.key"], _folder["chain.pem"]);
        byte[] bundle = TestBundles.Write(key);

        // OpenSSL takes the leaf out of the file, checks its chain, and verifies with its key.
        JsonNode signature = JsonNode.Parse(ZipReader.Read(bundle, "a")["model.sig"].Span)!;
        JsonArray certificates = signature["verificationMaterial"]!["x509CertificateChain"]!["certificates"]!.AsArray();
        File.WriteAllBytes(_folder["leaf.der"], Convert.FromBase64String((string)certificates[0]!["rawBytes"]!));
        File.WriteAllBytes(_folder["int.der"], Convert.FromBase64String((string)certificates[1]!["rawBytes"]!));
        Run("x509", "-inform", "DER", "-in", "leaf.der", "-out", "leaf.out.pem");
        Run("x509", "-inform", "DER", "-in", "int.der", "-out", "int.out.pem");
        Run("verify", "-CAfile", "ca.pem", "-untrusted", "int.out.pem", "leaf.out.pem");
        File.WriteAllText(_folder["pub.pem"], Run("x509", "-in", "leaf.out.pem", "-noout", "-pubkey"));
        VerifyWithOpenSsl(bundle, hash);

        BundleSignature ours = Bundle.Open(bundle, TrustStore.FromFile(_folder["ca.pem"]), "a.melo").Signature;
        Assert.Equal((SigningMethod.Certificate, curve), (ours.Method, ours.Curve));
    }

    [Theory]
    [MemberData(nameof(Curves))]
    public void OpenSslsSignature_IsVerifiedByUs(string name, string hash, SigningCurve curve)
    {
        Run("ecparam", "-name", name, "-genkey", "-noout", "-out", "key.pem");
        Run("ec", "-in", "key.pem", "-pubout", "-out", "pub.pem");
        string hint = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder["pub.pem"]))); // by hand: the hash of OpenSSL's own file
        byte[] bundle = SignWithOpenSsl(hash, "key.pem", $$"""{"publicKey":{"hint":"{{hint}}"},"tlogEntries":[]}""");
        BundleSignature signature = Bundle.Open(bundle, TrustStore.FromFile(_folder["pub.pem"]), "a.melo").Signature;
        Assert.Equal((SigningMethod.Key, "pub.pem", hint, curve), (signature.Method, signature.Signer, signature.KeyHint, signature.Curve));
    }

    [Theory]
    [MemberData(nameof(Curves))]
    public void OpenSslsSignatureInCertificateMode_IsVerifiedByUs(string name, string hash, SigningCurve curve)
    {
        MakeAuthority();
        MakeLeaf(name);
        Run("x509", "-in", "leaf.pem", "-outform", "DER", "-out", "leaf.der");
        Run("x509", "-in", "int.pem", "-outform", "DER", "-out", "int.der");
        string material = $$"""{"x509CertificateChain":{"certificates":[{"rawBytes":"{{Base64("leaf.der")}}"},{"rawBytes":"{{Base64("int.der")}}"}]},"tlogEntries":[]}""";
        byte[] bundle = SignWithOpenSsl(hash, "leaf.key", material);
        foreach (string ca in (string[])["ca.pem", "ca.der"])
        {
            if (ca == "ca.der") Run("x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der");
            BundleSignature signature = Bundle.Open(bundle, TrustStore.FromFile(_folder[ca]), "a.melo").Signature;
            Assert.Equal((SigningMethod.Certificate, curve), (signature.Method, signature.Curve));
            Assert.Contains("Model Team", signature.Signer, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Curves))]
    public void KeysThatOpenSslMakes_AreRead(string name, string hash, SigningCurve curve)
    {
        Assert.NotEmpty(hash);
        Run("ecparam", "-name", name, "-genkey", "-out", "with-parameters.pem");
        Assert.Contains("BEGIN EC PARAMETERS", File.ReadAllText(_folder["with-parameters.pem"]), StringComparison.Ordinal);
        Run("ec", "-in", "with-parameters.pem", "-out", "ec.pem");
        Run("pkcs8", "-topk8", "-nocrypt", "-in", "ec.pem", "-out", "pkcs8.pem");
        Run("pkcs8", "-topk8", "-in", "ec.pem", "-passout", "pass:secret", "-out", "encrypted.pem");
        Run("ec", "-in", "ec.pem", "-aes128", "-passout", "pass:secret", "-out", "legacy.pem");
        Run("ec", "-in", "ec.pem", "-pubout", "-out", "pub.pem");
        string expected = File.ReadAllText(_folder["pub.pem"]);
        foreach ((string file, string? password) in (ReadOnlySpan<(string, string?)>)[("with-parameters.pem", null), ("ec.pem", null), ("pkcs8.pem", null), ("encrypted.pem", "secret")])
        {
            using SigningKey key = SigningKey.FromPemFile(_folder[file], password: password);
            Assert.Equal(curve, key.Curve);
            Assert.Equal(expected, key.ExportPublicPem());
        }
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["encrypted.pem"]), "encrypted.pem: the private key is encrypted and no password was given");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["encrypted.pem"], password: "wrong"), "the password opens no elliptic-curve private key");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["legacy.pem"], password: "secret"), "expected PKCS#8 (convert it: openssl pkcs8 -topk8)");
    }

    [Theory]
    [InlineData("secp256k1")]
    [InlineData("brainpoolP256r1")]
    public void KeysOnOtherCurves_AreRefused(string name)
    {
        Run("ecparam", "-name", name, "-genkey", "-noout", "-out", "key.pem");
        Run("ec", "-in", "key.pem", "-pubout", "-out", "pub.pem");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["key.pem"]), "key.pem: ");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => TrustStore.FromFile(_folder["pub.pem"]), "pub.pem: ");
    }

    [Fact]
    public void KeysWithExplicitParameters_AreRefused()
    {
        Run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-param_enc", "explicit", "-out", "key.pem");
        Run("ec", "-in", "key.pem", "-pubout", "-param_enc", "explicit", "-out", "pub.pem");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["key.pem"]), "key.pem: ");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => TrustStore.FromFile(_folder["pub.pem"]), "pub.pem: ");
    }

    [Fact]
    public void RsaKeys_AreRefused()
    {
        Run("genrsa", "-out", "rsa.pem", "2048");
        Run("rsa", "-in", "rsa.pem", "-pubout", "-out", "pub.pem");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => SigningKey.FromPemFile(_folder["rsa.pem"]), "rsa.pem: ");
        TestBundles.Refused(BundleRefusal.InvalidKey, () => TrustStore.FromFile(_folder["pub.pem"]), "expected an elliptic-curve public key");
    }

    [Fact]
    public void KeysThatWeMake_AreReadByOpenSsl()
    {
        foreach (SigningCurve curve in Enum.GetValues<SigningCurve>())
        {
            using SigningKey key = SigningKey.Generate(curve);
            key.WritePrivatePem(_folder[$"{curve}.key.pem"]);
            Assert.Equal(key.ExportPublicPem(), Run("pkey", "-in", $"{curve}.key.pem", "-pubout"));
            Run("pkey", "-in", $"{curve}.key.pem", "-check", "-noout");
        }
    }

    private void VerifyWithOpenSsl(byte[] bundle, string hash)
    {
        JsonNode signature = JsonNode.Parse(ZipReader.Read(bundle, "a")["model.sig"].Span)!;
        byte[] payload = Convert.FromBase64String((string)signature["dsseEnvelope"]!["payload"]!);
        File.WriteAllBytes(_folder["sig.der"], Convert.FromBase64String((string)signature["dsseEnvelope"]!["signatures"]![0]!["sig"]!));
        WritePae(payload);
        Assert.Contains("Verified OK", Run("dgst", $"-{hash}", "-verify", "pub.pem", "-signature", "sig.der", "pae.bin"), StringComparison.Ordinal);
        payload[^2] ^= 1;
        WritePae(payload);
        Assert.NotEqual(0, Tool.Try("openssl", _folder.Root, "dgst", $"-{hash}", "-verify", "pub.pem", "-signature", "sig.der", "pae.bin").Code);
    }

    private byte[] SignWithOpenSsl(string hash, string key, string material)
    {
        // The statement is ours; that it is the standard's is shown elsewhere.
        Dictionary<string, ReadOnlyMemory<byte>> entries = new(ZipReader.Read(TestBundles.Write(null), "a"), StringComparer.Ordinal);
        byte[] payload = SignedManifest.Write("tuberculosis", Bundle.SignedResources(entries), SignedManifest.DefaultIgnorePaths);
        WritePae(payload);
        Run("dgst", $"-{hash}", "-sign", key, "-out", "sig.der", "pae.bin");
        entries["model.sig"] = Encoding.UTF8.GetBytes($$"""
            {
              "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
              "verificationMaterial": {{material}},
              "dsseEnvelope": { "payload": "{{Convert.ToBase64String(payload)}}", "payloadType": "application/vnd.in-toto+json",
                                "signatures": [{ "sig": "{{Base64("sig.der")}}" }] }
            }
            """);
        return ZipWriter.Write(entries, "a");
    }

    // DSSE's encoding by hand, not by the code under test.
    private void WritePae(byte[] payload) =>
        File.WriteAllBytes(_folder["pae.bin"], [.. Encoding.ASCII.GetBytes("DSSEv1 28 application/vnd.in-toto+json " + payload.Length + " "), .. payload]);

    private void MakeAuthority()
    {
        Run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", "/CN=Hospital Root CA",
            "-addext", "keyUsage=critical,keyCertSign");
        Run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", "int.key", "-out", "int.csr", "-subj", "/CN=Hospital Signing CA");
        File.WriteAllText(_folder["int.ext"], "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n");
        Run("x509", "-req", "-in", "int.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "2", "-days", "3650", "-extfile", "int.ext", "-out", "int.pem");
    }

    private void MakeLeaf(string curve)
    {
        Run("req", "-newkey", "ec", "-pkeyopt", $"ec_paramgen_curve:{curve}", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/O=Radiology/CN=Model Team");
        File.WriteAllText(_folder["leaf.ext"], "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n");
        Run("x509", "-req", "-in", "leaf.csr", "-CA", "int.pem", "-CAkey", "int.key", "-set_serial", "3", "-days", "3650", "-extfile", "leaf.ext", "-out", "leaf.pem");
        File.WriteAllText(_folder["chain.pem"], File.ReadAllText(_folder["leaf.pem"]) + File.ReadAllText(_folder["int.pem"]));
    }

    private string Base64(string file) => Convert.ToBase64String(File.ReadAllBytes(_folder[file]));

    private string Run(params string[] arguments) => Tool.Run("openssl", _folder.Root, arguments);
}
