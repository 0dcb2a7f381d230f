using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

public sealed class ModelSignatureTests : IDisposable
{
    private static readonly IReadOnlyList<ModelResource> s_resources = [ModelResource.FromBytes("b/weights.bin", "weights"u8), ModelResource.FromBytes("config.json", "{}"u8)];

    private readonly SigningKey _key = SigningKey.Generate(SigningCurve.P256);
    private readonly TrustStore _trust;

    public ModelSignatureTests() => _trust = TrustStore.FromKey(_key);

    public void Dispose() => _key.Dispose();

    [Fact]
    public void Signed_HasTheFormOfTheStandard()
    {
        JsonNode file = JsonNode.Parse(ModelSignature.Sign("my-model", s_resources, _key))!;
        Assert.Equal(["mediaType", "verificationMaterial", "dsseEnvelope"], file.AsObject().Select(m => m.Key));
        Assert.Equal("application/vnd.dev.sigstore.bundle.v0.3+json", (string?)file["mediaType"]);
        Assert.Equal("{\"publicKey\":{\"hint\":\"" + HexSha256(_key.ExportPublicPem()) + "\"},\"tlogEntries\":[]}", file["verificationMaterial"]!.ToJsonString());
        Assert.Equal("application/vnd.in-toto+json", (string?)file["dsseEnvelope"]!["payloadType"]);
        Assert.Equal("", (string?)file["dsseEnvelope"]!["signatures"]![0]!["keyid"]);

        JsonNode statement = JsonNode.Parse(Convert.FromBase64String((string)file["dsseEnvelope"]!["payload"]!))!;
        string weights = HexSha256("weights");
        string config = HexSha256("{}");
        string root = Convert.ToHexStringLower(SHA256.HashData([.. Convert.FromHexString(weights), .. Convert.FromHexString(config)]));
        Assert.True(JsonNode.DeepEquals(statement, JsonNode.Parse($$"""
            { "_type": "https://in-toto.io/Statement/v1", "subject": [{ "name": "my-model", "digest": { "sha256": "{{root}}" } }],
              "predicateType": "https://model_signing/signature/v1.0",
              "predicate": {
                "resources": [{ "name": "b/weights.bin", "algorithm": "sha256", "digest": "{{weights}}" }, { "name": "config.json", "algorithm": "sha256", "digest": "{{config}}" }],
                "serialization": { "method": "files", "hash_type": "sha256", "allow_symlinks": false, "ignore_paths": [".git", ".gitignore", ".gitattributes", ".github"] } } }
            """)), statement.ToJsonString());
    }

    [Fact]
    public void PreAuthenticationEncoding_IsDsses()
    {
        Assert.Equal("DSSEv1 28 application/vnd.in-toto+json 5 hello", Encoding.ASCII.GetString(ModelSignature.PreAuthenticationEncoding("hello"u8.ToArray())));
        Assert.Equal("DSSEv1 28 application/vnd.in-toto+json 0 ", Encoding.ASCII.GetString(ModelSignature.PreAuthenticationEncoding([])));
    }

    [Fact]
    public void SpecificationsExampleStatement_HasTheRootDigestWeCompute()
    {
        // The resources and the subject of test-vectors/v1.0/valid/key.bundle.json of ossf/model-signing-spec.
        string statement = Statement(
            ("signme-1", "bc9a717db6064a32cbe9eae6fc40651dd6d36ef1757183f590eff2b1765d7ebc"),
            ("signme-2", "32dcb1f8e1ae52d5963e56a6ba06ab58b424c15ed2a6b70d2feca1d089370028"))
            .Replace("ROOT", "92745110b1ab4368471cbe31664e10174e954b113a3df333db860317b2c6dec4", StringComparison.Ordinal);
        Assert.Equal(["signme-1", "signme-2"], SignedManifest.Read(Encoding.UTF8.GetBytes(statement), "model.sig").ResourceNames);
        RefusedStatement(statement.Replace("92745110", "92745111", StringComparison.Ordinal), "$.subject: found the digest 92745111");
    }

    [Fact]
    public void Names_AreOrderedByCodePointNotByUtf16()
    {
        // U+FF5E comes before U+1F600 by code point and after its surrogates by UTF-16.
        ModelResource[] resources = [ModelResource.FromBytes("\U0001F600", "1"u8), ModelResource.FromBytes("\uFF5E", "2"u8), ModelResource.FromBytes("a", "3"u8)];
        Assert.True(string.CompareOrdinal("\U0001F600", "\uFF5E") < 0);
        byte[] file = ModelSignature.Sign("m", resources, _key);
        Assert.Equal(["a", "\uFF5E", "\U0001F600"], ModelSignature.Parse(file, "model.sig").Verify(_trust).Manifest.ResourceNames);
        Assert.Equal(SigningMethod.Key, ModelSignature.Verify(file, resources, _trust, "model.sig").Method);
    }

    [Theory]
    [InlineData(SigningCurve.P256)]
    [InlineData(SigningCurve.P384)]
    [InlineData(SigningCurve.P521)]
    public void SignedOnEachCurve_Verifies(SigningCurve curve)
    {
        using SigningKey key = SigningKey.Generate(curve);
        BundleSignature signature = ModelSignature.Verify(ModelSignature.Sign("m", s_resources, key), s_resources, TrustStore.FromKey(key), "model.sig");
        Assert.Equal((SigningMethod.Key, key.KeyHint, curve), (signature.Method, signature.KeyHint, signature.Curve));
    }

    [Theory]
    [InlineData("$.dsseEnvelope.signatures[0].keyid", null)]
    [InlineData("$.dsseEnvelope.signatures[0].keyid", "null")]
    [InlineData("$.verificationMaterial.tlogEntries", null)]
    public void OptionalMember_MayBeMissingOrNull(string path, string? value) => Verify(Changed(path, value));

    [Fact]
    public void UrlSafeAndUnpaddedBase64_AreAccepted()
    {
        // A signature whose base64 has characters that differ between the alphabets: a few tries, since it is random.
        string text;
        do text = Encoding.ASCII.GetString(ModelSignature.Sign("m", s_resources, _key));
        while (!((string)JsonNode.Parse(text)!["dsseEnvelope"]!["signatures"]![0]!["sig"]!).ContainsAny('+', '/'));
        JsonNode file = JsonNode.Parse(text)!;
        file["dsseEnvelope"]!["payload"] = UrlSafe((string)file["dsseEnvelope"]!["payload"]!);
        file["dsseEnvelope"]!["signatures"]![0]!["sig"] = UrlSafe((string)file["dsseEnvelope"]!["signatures"]![0]!["sig"]!);
        Verify(file.ToJsonString());

        static string UrlSafe(string base64) => base64.Replace('+', '-').Replace('/', '_').TrimEnd('=');
    }

    [Fact]
    public void KeyAsBytesInsteadOfItsHint_IsAccepted()
    {
        // What signers before v1.1 wrote: section 11.1.
        string pem = Convert.ToBase64String(Encoding.ASCII.GetBytes(_key.ExportPublicPem()));
        Verify(Changed("$.verificationMaterial.publicKey", $$"""{"rawBytes":"{{pem}}","keyDetails":"PKIX_ECDSA_P256_SHA_256"}"""));
    }

    [Theory]
    [InlineData("$.mediaType", null, "$.mediaType: is missing")]
    [InlineData("$.mediaType", "\"application/json\"", "$.mediaType: found 'application/json'")]
    [InlineData("$.mediaType", "\"application/vnd.dev.sigstore.bundle.v0.3+jso\\u006e \"", "$.mediaType: found")]
    [InlineData("$.mediaType", "7", "$.mediaType: found a number, expected a string")]
    [InlineData("$.verificationMaterial", null, "$.verificationMaterial: is missing")]
    [InlineData("$.verificationMaterial", "{}", "$.verificationMaterial.publicKey: is missing, and so is x509CertificateChain")]
    [InlineData("$.verificationMaterial.publicKey", "{}", "$.verificationMaterial.publicKey.hint: is missing")]
    [InlineData("$.verificationMaterial.publicKey.hint", "null", "$.verificationMaterial.publicKey.hint: found null")]
    [InlineData("$.verificationMaterial.publicKey.extra", "1", "$.verificationMaterial.publicKey.extra: is unknown")]
    [InlineData("$.verificationMaterial.extra", "1", "$.verificationMaterial.extra: is unknown")]
    [InlineData("$.verificationMaterial.tlogEntries", "[{}]", "$.verificationMaterial.tlogEntries: expected none")]
    [InlineData("$.verificationMaterial.certificate", "{\"rawBytes\":\"AAAA\"}", "$.verificationMaterial.certificate: keyless signatures are not accepted")]
    [InlineData("$.verificationMaterial.x509CertificateChain", "{\"certificates\":[{\"rawBytes\":\"AAAA\"}]}", "found together with x509CertificateChain")]
    [InlineData("$.verificationMaterial", "{\"x509CertificateChain\":{\"certificates\":[]}}", "$.verificationMaterial.x509CertificateChain.certificates: found none")]
    [InlineData("$.verificationMaterial", "{\"x509CertificateChain\":{\"certificates\":[{\"rawBytes\":\"*\"}]}}", "certificates[0].rawBytes: expected base64")]
    [InlineData("$.verificationMaterial", "{\"x509CertificateChain\":{\"certificates\":[{\"rawBytes\":\"AAAA\"}]}}", "certificate 0: expected an X.509 certificate")]
    [InlineData("$.dsseEnvelope", null, "$.dsseEnvelope: is missing")]
    [InlineData("$.dsseEnvelope", "[]", "$.dsseEnvelope: found an array, expected an object")]
    [InlineData("$.dsseEnvelope.payloadType", "\"application/json\"", "$.dsseEnvelope.payloadType: found 'application/json'")]
    [InlineData("$.dsseEnvelope.payload", "\"\"", "$.dsseEnvelope.payload: expected base64")]
    [InlineData("$.dsseEnvelope.payload", "\"e30\\n\"", "$.dsseEnvelope.payload: expected base64")]
    [InlineData("$.dsseEnvelope.signatures", "[]", "$.dsseEnvelope.signatures: found 0, expected 1")]
    [InlineData("$.dsseEnvelope.signatures", "[{\"sig\":\"AAAA\"},{\"sig\":\"AAAA\"}]", "$.dsseEnvelope.signatures: found 2, expected 1")]
    [InlineData("$.dsseEnvelope.signatures[0].keyid", "\"me\"", "$.dsseEnvelope.signatures[0].keyid: expected it missing, empty or null")]
    [InlineData("$.dsseEnvelope.signatures[0].sig", null, "$.dsseEnvelope.signatures[0].sig: is missing")]
    [InlineData("$.dsseEnvelope.signatures[0].extra", "1", "$.dsseEnvelope.signatures[0].extra: is unknown")]
    [InlineData("$.extra", "1", "$.extra: is unknown")]
    public void ChangedFile_IsInvalid(string path, string? value, string message) => Refused(BundleRefusal.InvalidSignature, Changed(path, value), message);

    [Theory]
    [InlineData("$.verificationMaterial.publicKey.hint", "\"\"", BundleRefusal.Untrusted)]
    [InlineData("$.verificationMaterial.publicKey.hint", "\"\\u001b[2J\"", BundleRefusal.Untrusted)]
    [InlineData("$.verificationMaterial.publicKey", "{\"rawBytes\":\"AAAA\"}", BundleRefusal.Untrusted)]
    [InlineData("$.dsseEnvelope.signatures[0].sig", "\"AAAA\"", BundleRefusal.Tampered)]
    [InlineData("$.dsseEnvelope.signatures[0].sig", "\"MAYCAQACAQA=\"", BundleRefusal.Tampered)] // r = s = 0
    [InlineData("$.dsseEnvelope.signatures[0].sig", "\"MAYCAQECAQE=\"", BundleRefusal.Tampered)] // r = s = 1
    [InlineData("$.dsseEnvelope.payload", "\"e30=\"", BundleRefusal.Tampered)]
    public void WellFormedFileThatNobodySigned_IsRefused(string path, string value, BundleRefusal refusal) => Refused(refusal, Changed(path, value));

    [Fact]
    public void RepeatedMember_IsInvalid() => Refused(BundleRefusal.InvalidSignature,
        Changed("$.mediaType", null).Insert(1, "\"mediaType\":\"x\",\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","), "$.mediaType: appears twice");

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("\"\"")]
    public void OtherFile_IsInvalid(string file) => Refused(BundleRefusal.InvalidSignature, file);

    [Fact]
    public void DeepNestingInvalidUtf8AndHugeNumbers_AreInvalid()
    {
        Refused(BundleRefusal.InvalidSignature, string.Concat(Enumerable.Repeat("[", 200_000)));
        Refused(BundleRefusal.InvalidSignature, Changed("$.mediaType", "1e999999999"));
        Refused(BundleRefusal.InvalidSignature, Changed("$.mediaType", new string('9', 200_000)));
        TestBundles.Refused(BundleRefusal.InvalidSignature, () => ModelSignature.Parse(new byte[] { (byte)'{', (byte)'"', 0xC0, 0xAF, (byte)'"' }, "model.sig"), "is not UTF-8");
    }

    [Theory]
    [InlineData("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1", "$._type: found 'https://in-toto.io/Statement/v0.1'")]
    [InlineData("https://model_signing/signature/v1.0", "https://model_signing/Digests/v0.1", "$.predicateType: found")]
    [InlineData("\"files\"", "\"shards\"", "serialization.method: found 'shards', expected 'files'")]
    [InlineData("\"hash_type\":\"sha256\"", "\"hash_type\":\"blake2b\"", "serialization.hash_type: found 'blake2b', expected 'sha256'")]
    [InlineData("\"algorithm\":\"sha256\"", "\"algorithm\":\"blake3\"", "resources[0].algorithm: found 'blake3', expected 'sha256'")]
    [InlineData("\"allow_symlinks\":false", "\"allow_symlinks\":true", "serialization.allow_symlinks: found true, expected false")]
    [InlineData("\"allow_symlinks\":false,", "", "serialization.allow_symlinks: is missing")]
    [InlineData("\"method\":\"files\",", "\"method\":\"files\",\"shard_size\":7,", "serialization.shard_size: is unknown")]
    [InlineData("\"predicateType\"", "\"extra\":1,\"predicateType\"", "$.extra: is unknown")]
    [InlineData("{\"name\":\"b\"", "{\"name\":\"../b\"", "resources[1].name: is not a canonical relative path")]
    [InlineData("{\"name\":\"b\"", "{\"name\":\"/b\"", "resources[1].name: is not a canonical relative path")]
    [InlineData("{\"name\":\"b\"", "{\"name\":\"./b\"", "resources[1].name: is not a canonical relative path")]
    [InlineData("{\"name\":\"b\"", "{\"name\":\"b//c\"", "resources[1].name: is not a canonical relative path")]
    [InlineData("{\"name\":\"b\"", "{\"name\":\"b/\"", "resources[1].name: is not a canonical relative path")]
    [InlineData("{\"name\":\"b\"", "{\"name\":\"\"", "resources[1].name: is not a canonical relative path")]
    [InlineData("{\"name\":\"b\"", "{\"name\":\"a\"", "resources[1].name: appears twice")]
    [InlineData("{\"name\":\"b\"", "{\"name\":\"A\"", "resources[1].name: is not in the order of its code points")]
    [InlineData("bb\"", "b\"", "resources[1].digest: expected 64 lower-case hex digits")]
    [InlineData("bb\"", "bB\"", "resources[1].digest: expected 64 lower-case hex digits")]
    [InlineData("[{\"name\":\"m\"", "[{\"name\":\"\"", "$.subject[0].name: is empty")]
    [InlineData("\"subject\":[", "\"subject\":[{\"name\":\"x\",\"digest\":{\"sha256\":\"\"}},", "$.subject: found 2 subjects, expected 1")]
    [InlineData("\"sha256\":\"ROOT\"", "\"sha512\":\"ROOT\"", "$.subject[0].digest.sha256: is missing")]
    public void SignedStatementThatIsNotTheStandards_IsInvalid(string from, string to, string message)
    {
        string statement = Statement(("a", new string('a', 64)), ("b", new string('b', 64)));
        Assert.Contains(from, statement, StringComparison.Ordinal);
        RefusedStatement(statement.Replace(from, to, StringComparison.Ordinal), message);
    }

    [Theory]
    [InlineData("\"resources\":[]")]
    [InlineData("\"resources\":{}")]
    public void SignedStatementWithoutResources_IsInvalid(string resources)
    {
        string statement = Statement(("a", new string('a', 64)));
        int start = statement.IndexOf("\"resources\"", StringComparison.Ordinal);
        int end = statement.IndexOf(']', start) + 1;
        RefusedStatement(statement[..start] + resources + statement[end..], "$.predicate.resources");
    }

    [Fact]
    public void UnknownMembersOfResources_AreIgnored()
    {
        string digest = new('a', 64);
        string root = Convert.ToHexStringLower(SHA256.HashData(Convert.FromHexString(digest)));
        string statement = Statement(("a", digest)).Replace("ROOT", root, StringComparison.Ordinal).Replace("{\"name\":\"a\"", "{\"uri\":\"x\",\"name\":\"a\"", StringComparison.Ordinal);
        Assert.Equal(["a"], SignedManifest.Read(Encoding.UTF8.GetBytes(statement), "model.sig").ResourceNames);
    }

    [Fact]
    public void IgnorePathsBeyondTheStandards_AreInvalidForASetOfFiles_AndReportedForAFolder()
    {
        byte[] file = ModelSignature.Sign("m", s_resources, _key, ["cache"]);
        Refused(BundleRefusal.InvalidSignature, Encoding.UTF8.GetString(file), "ignore_paths has 'cache'");
        Assert.Contains("cache", ModelSignature.Parse(file, "model.sig").Verify(_trust).Manifest.IgnorePaths);
    }

    [Fact]
    public void OtherFiles_AreTampered()
    {
        string file = Encoding.UTF8.GetString(ModelSignature.Sign("m", s_resources, _key));
        Refused(BundleRefusal.Tampered, file, "'config.json' was signed and is missing", [s_resources[0]]);
        Refused(BundleRefusal.Tampered, file, "'x' is there and was not signed", [.. s_resources, ModelResource.FromBytes("x", [])]);
        Refused(BundleRefusal.Tampered, file, "'config.json': found SHA-256", [s_resources[0], ModelResource.FromBytes("config.json", "{ }"u8)]);
        Refused(BundleRefusal.Tampered, file, "'Config.json' is there", [.. s_resources, ModelResource.FromBytes("Config.json", "{}"u8)]);
    }

    [Fact]
    public void UnsignedFiles_PassOnlyOnRequest()
    {
        SignedManifest manifest = ModelSignature.Parse(ModelSignature.Sign("m", s_resources, _key), "model.sig").Verify(_trust).Manifest;
        ModelResource[] more = [.. s_resources, ModelResource.FromBytes("x", [])];
        manifest.Check(more, "model.sig", ignoreUnsigned: true);
        TestBundles.Refused(BundleRefusal.Tampered, () => manifest.Check(more, "model.sig"));
    }

    [Fact]
    public void NothingToSign_IsRefused() => TestBundles.Refused(BundleRefusal.InvalidSignature, () => ModelSignature.Sign("m", [], _key), "found no file to sign");

    [Theory]
    [InlineData("")]
    [InlineData("/a")]
    [InlineData("a/../b")]
    [InlineData("a/.")]
    [InlineData("a//b")]
    public void ResourceNameThatIsNotCanonical_IsRefused(string name) => TestBundles.Refused(BundleRefusal.Malformed, () => ModelResource.FromBytes(name, []));

    [Theory]
    [InlineData("", "")]
    [InlineData("Zg==", "f")]
    [InlineData("Zm8=", "fo")]
    [InlineData("Zm9v", "foo")]
    [InlineData("Zm9vYg", "foob")]
    [InlineData("Zm9vYmE", "fooba")]
    [InlineData("Zm9vYmFy", "foobar")]
    public void Base64_DecodesRfc4648sVectors(string text, string expected)
    {
        Assert.True(Base64Text.TryDecode(text, out byte[] bytes));
        Assert.Equal(expected, Encoding.ASCII.GetString(bytes));
    }

    [Theory]
    [InlineData("Z")]
    [InlineData("Zg=")]
    [InlineData("Zg===")]
    [InlineData("=")]
    [InlineData("====")]
    [InlineData("Zh==")] // bits that no byte uses
    [InlineData("Zm9=")]
    [InlineData("Zm9v Zm9v")]
    [InlineData("Zm9v\n")]
    [InlineData("Zg==Zg==")]
    [InlineData("+_+_")] // both alphabets
    [InlineData("Zm9\u00e9")]
    public void Base64ThatIsNot_IsRefused(string text) => Assert.False(Base64Text.TryDecode(text, out _));

    [Theory]
    [InlineData("-_-_")]
    [InlineData("+/+/")]
    public void BothAlphabets_DecodeAlike(string text)
    {
        Assert.True(Base64Text.TryDecode(text, out byte[] bytes));
        Assert.Equal([0xFB, 0xFF, 0xBF], bytes);
    }

    [Fact]
    public void RandomBytes_DecodeAsTheFrameworkEncodesThem()
    {
        Random random = new(3);
        for (int length = 0; length < 100; length++)
        {
            byte[] bytes = new byte[length];
            random.NextBytes(bytes);
            Assert.True(Base64Text.TryDecode(Convert.ToBase64String(bytes), out byte[] decoded));
            Assert.Equal(bytes, decoded);
            Assert.True(Base64Text.TryDecode(System.Buffers.Text.Base64Url.EncodeToString(bytes), out decoded));
            Assert.Equal(bytes, decoded);
        }
    }

    private void Verify(string file) => ModelSignature.Verify(Encoding.UTF8.GetBytes(file), s_resources, _trust, "model.sig");

    private void Refused(BundleRefusal refusal, string file, string? message = null, IReadOnlyCollection<ModelResource>? resources = null) =>
        TestBundles.Refused(refusal, () => ModelSignature.Verify(Encoding.UTF8.GetBytes(file), resources ?? s_resources, _trust, "model.sig"), message);

    /// <summary>A genuine signature over the payload, so that only the statement is wrong.</summary>
    private void RefusedStatement(string statement, string message)
    {
        byte[] payload = Encoding.UTF8.GetBytes(statement);
        byte[] signature = _key.Sign(ModelSignature.PreAuthenticationEncoding(payload));
        Refused(BundleRefusal.InvalidSignature, Encoding.UTF8.GetString(SigstoreBundle.WithKey(_key.KeyHint, payload, signature).ToBytes()), message);
    }

    private static string Statement(params (string Name, string Digest)[] resources)
    {
        string list = string.Join(',', resources.Select(r => $$"""{"name":"{{r.Name}}","algorithm":"sha256","digest":"{{r.Digest}}"}"""));
        return $$$$"""
            {"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"m","digest":{"sha256":"ROOT"}}],"predicateType":"https://model_signing/signature/v1.0",
            "predicate":{"resources":[{{{{list}}}}],"serialization":{"method":"files","hash_type":"sha256","allow_symlinks":false,"ignore_paths":[]}}}
            """;
    }

    // A signature file with one member removed (null) or replaced, as text, since a DOM would not keep hostile values.
    private string Changed(string path, string? value)
    {
        JsonNode root = JsonNode.Parse(ModelSignature.Sign("m", s_resources, _key))!;
        JsonNode parent = root;
        string[] names = path.Replace("[0]", ".0", StringComparison.Ordinal).Split('.')[1..];
        foreach (string name in names[..^1]) parent = name == "0" ? parent[0]! : parent[name]!;
        if (value is null) parent.AsObject().Remove(names[^1]);
        else parent[names[^1]] = "REPLACED";
        return root.ToJsonString(new System.Text.Json.JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })
            .Replace("\"REPLACED\"", value, StringComparison.Ordinal);
    }

    private static string HexSha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
