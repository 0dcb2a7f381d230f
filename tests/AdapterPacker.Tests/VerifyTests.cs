using System.Text.Json;
using MeLo.Edge.Bundles;

namespace AdapterPacker.Tests;

/// <summary>sign, verify and check on bundles that are good, changed, foreign or unsigned.</summary>
public sealed class VerifyTests(Workbench bench) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void SignedBundle_IsVerifiedWithAKeyAFolderAndABase()
    {
        string output = Packer.Done("verify", bench.Bundle, "--trust", bench.PublicKey, "--base", bench.Base);
        Assert.Contains("probe difference", output, StringComparison.Ordinal);
        Assert.Contains(Bundle.OpenUnverified(bench.Bundle).Digest, output, StringComparison.Ordinal);
        File.Copy(bench.PublicKey, _folder["trust", "vendor.pem"]);
        Assert.Contains("vendor.pem", Packer.Done("verify", bench.Bundle, "--trust", Path.Combine(_folder.Root, "trust")), StringComparison.Ordinal);
    }

    [Fact]
    public void ChangedByte_StrangersKey_NoSignature_AndEmptyTrust_AreRefused()
    {
        byte[] changed = File.ReadAllBytes(bench.Bundle);
        int at = changed.AsSpan().IndexOf("\"normal\""u8);
        changed[at + 1] ^= 1;
        File.WriteAllBytes(_folder["changed.melo"], changed);
        Packer.Refused("changed.melo", "verify", _folder["changed.melo"], "--trust", bench.PublicKey);
        Packer.Done("keygen", "--out", _folder.Root);
        Packer.Refused("lesion.melo", "verify", bench.Bundle, "--trust", _folder["signing.pub.pem"]);
        Packer.Done(bench.Pack(_folder["unsigned.melo"], "--unsigned"));
        Packer.Refused("found no model.sig", "verify", _folder["unsigned.melo"], "--trust", bench.PublicKey);
        Directory.CreateDirectory(Path.Combine(_folder.Root, "nobody"));
        Packer.Refused("lesion.melo", "verify", bench.Bundle, "--trust", Path.Combine(_folder.Root, "nobody"));
        Packer.Refused("private key", "verify", bench.Bundle, "--trust", bench.Key);
    }

    [Fact]
    public void Sign_ReplacesTheSignatureAndNothingElse()
    {
        string bundle = _folder["b.melo"];
        Packer.Done(bench.Pack(bundle, "--unsigned"));
        BundleContents before = Bundle.OpenUnverified(bundle);
        Packer.Done("sign", bundle, "--key", bench.Key);
        Packer.Done("sign", bundle, "--key", bench.Key);
        Packer.Done("verify", bundle, "--trust", bench.PublicKey, "--base", bench.Base);
        BundleContents after = Bundle.OpenUnverified(bundle);
        Assert.Equal(before.Description.ToJson(), after.Description.ToJson());
        Assert.Equal(before.Probe.Logits, after.Probe.Logits);
        Assert.Equal([bundle], Directory.GetFiles(_folder.Root));
        Packer.Refused("signing.pub.pem", "sign", bundle, "--key", bench.PublicKey);
        Packer.Refused("absent.pem", "sign", bundle, "--key", _folder["absent.pem"]);
    }

    [Fact]
    public void CertificateChain_SignsInCertificateMode_AndVerifiesUnderItsCaOnly()
    {
        string ca = _folder["ca.pem"], caKey = _folder["ca.key"], leafKey = _folder["leaf.key"], request = _folder["leaf.csr"], leaf = _folder["leaf.pem"], bundle = _folder["b.melo"];
        string extensions = _folder["leaf.cnf"];
        File.WriteAllText(extensions, "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nbasicConstraints=critical,CA:FALSE\n");
        OpenSsl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", caKey, "-out", ca, "-days", "2", "-subj", "/CN=Test CA",
            "-addext", "keyUsage=critical,keyCertSign");
        OpenSsl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", leafKey, "-out", request, "-subj", "/CN=Model maker");
        OpenSsl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-out", leaf, "-days", "1", "-extfile", extensions);
        File.Copy(bench.Bundle, bundle);
        Packer.Done("sign", bundle, "--key", leafKey, "--certificate", leaf);
        Assert.Contains("Model maker", Packer.Done("verify", bundle, "--trust", ca), StringComparison.Ordinal);
        Assert.Contains("certificate mode", Packer.Done("inspect", bundle), StringComparison.Ordinal);
        Packer.Refused("b.melo", "verify", bundle, "--trust", bench.PublicKey);
        Packer.Refused("", "sign", bundle, "--key", bench.Key, "--certificate", leaf);

        string expired = _folder["expired.pem"];
        OpenSsl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey, "-out", expired, "-days", "-1", "-extfile", extensions);
        byte[] before = File.ReadAllBytes(bundle);
        Packer.Refused("which expired at", "sign", bundle, "--key", leafKey, "--certificate", expired);
        Assert.Equal(before, File.ReadAllBytes(bundle));

        static void OpenSsl(params string[] arguments)
        {
            ProgramResult result = Packer.OpenSsl(arguments);
            Assert.True(result.ExitCode == 0, result.Error);
        }
    }

    [Fact]
    public void ExpiredBundle_IsNotVerified()
    {
        BundleContents contents = Bundle.OpenUnverified(bench.Bundle);
        AdapterDescription expired = contents.Description with { Created = DateTimeOffset.UnixEpoch, Expires = DateTimeOffset.UnixEpoch.AddDays(1) };
        using SigningKey key = SigningKey.FromPemFile(bench.Key);
        File.WriteAllBytes(_folder["old.melo"], BundleWriter.Write(expired, contents.Adapter, contents.Probe, preview: null, key));
        Packer.Refused("expired at 1970-01-02", "verify", _folder["old.melo"], "--trust", bench.PublicKey);
    }

    [Fact]
    public void BundleForAnotherBase_IsRefusedByVerifyAndCheck()
    {
        string other = Path.Combine(_folder.Root, "other");
        Packer.Done("base", "import", new RandomVit(2).WriteCheckpoint(_folder["vit2.safetensors"]), "--out", other, "--heads", "2");
        Packer.Refused("sha256:", "verify", bench.Bundle, "--trust", bench.PublicKey, "--base", other);
        Packer.Refused("found a bundle for base", "check", bench.Bundle, "--base", other, "--reference", Reference(0));
    }

    [Fact]
    public void Check_PassesOnTheBundlesOwnLogits_AndFailsWithTheReportBeyondTheTolerance()
    {
        Packer.Done("check", bench.Bundle, "--base", bench.Base, "--reference", Reference(0));
        ProgramResult failed = Packer.Refused("differ from the reference", "check", bench.Bundle, "--base", bench.Base, "--reference", Reference(0.01f), "--json");
        using JsonDocument json = JsonDocument.Parse(failed.Output);
        Assert.False(json.RootElement.GetProperty("passed").GetBoolean());
        Assert.Equal(0.01, json.RootElement.GetProperty("largestDifference").GetDouble(), 1e-5);
        Packer.Done("check", bench.Bundle, "--base", bench.Base, "--reference", Reference(0.01f), "--tolerance", "0.02");
    }

    [Theory]
    [InlineData("no pixels", "pixel_values")]
    [InlineData("no logits", "expected the logits of task lesion")]
    [InlineData("other classes", "found logits of 4 classes, expected 3")]
    [InlineData("other count", "expected [1,classes]")]
    [InlineData("flat pixels", "expected [n,3,height,width]")]
    [InlineData("other size", "pixel values: found 192 values of shape [1,3,8,8], expected [n,3,16,16]")]
    [InlineData("not finite", "not finite")]
    public void ReferenceThatDoesNotFit_IsRefused(string fault, string reason)
    {
        Probe probe = Bundle.OpenUnverified(bench.Bundle).Probe;
        Dictionary<string, (long[] Shape, float[] Values)> tensors = new() { ["pixel_values"] = (probe.PixelShape, probe.PixelValues), ["logits"] = ([1, 3], probe.Logits) };
        switch (fault)
        {
            case "no pixels": tensors.Remove("pixel_values"); break;
            case "no logits": tensors.Remove("logits"); break;
            case "other classes": tensors["logits"] = ([1, 4], new float[4]); break;
            case "other count": tensors["logits"] = ([2, 3], new float[6]); break;
            case "flat pixels": tensors["pixel_values"] = ([768], probe.PixelValues); break;
            case "other size": tensors["pixel_values"] = ([1, 3, 8, 8], new float[192]); break;
            case "not finite": tensors["logits"] = ([1, 3], [0, float.NaN, 0]); break;
            default: throw new InvalidOperationException(fault);
        }
        Packer.Refused(reason, "check", bench.Bundle, "--base", bench.Base, "--reference", RandomVit.Write(_folder["ref.safetensors"], tensors));
    }

    public void Dispose() => _folder.Dispose();

    // The probe that the program made, as a reference; one logit moved.
    private string Reference(float moved)
    {
        Probe probe = Bundle.OpenUnverified(bench.Bundle).Probe;
        float[] logits = [.. probe.Logits];
        logits[0] += moved;
        return RandomVit.Write(_folder[$"reference{moved}.safetensors"], new Dictionary<string, (long[], float[])>
        {
            ["pixel_values"] = (probe.PixelShape, probe.PixelValues), ["logits.lesion"] = ([1, 3], logits), ["logits"] = ([1, 3], new float[3]),
        });
    }
}
