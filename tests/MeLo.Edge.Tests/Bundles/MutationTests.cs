using System.Text;
using System.Text.Json.Nodes;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>
/// Whatever is in the entries, looking at a bundle ends in contents or in a <see cref="BundleException"/>: never in another exception.
/// The mutations are random from a fixed seed, and the container around them is valid, so that they reach the parsers.
/// </summary>
public sealed class MutationTests
{
    private const int Rounds = 2500;

    private static readonly string[] s_fragments =
        ["\"", "{", "}", "[", "]", ",", ":", "null", "-", "1e999", "99999999999999999999", "\\ud800", "\\u0000", "\u00ff", "\0", "\"\":", "[[[[[[[[[[[[[[[[[[[[", "é", " ", "0", "9"];

    [Theory]
    [InlineData("adapter.json")]
    [InlineData("adapter.safetensors")]
    [InlineData("probe.safetensors")]
    [InlineData("model.sig")]
    public void MutatedEntry_IsRefusedOrRead(string name)
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> entries = ZipReader.Read(TestBundles.Write(key), "a");
        Parallel.For(0, Rounds, round =>
        {
            Random random = new(round);
            byte[] mutated = entries[name].ToArray();
            for (int changes = random.Next(1, 4); changes > 0; changes--) mutated = Mutate(mutated, random);
            byte[] file = ZipWriter.Write(new Dictionary<string, ReadOnlyMemory<byte>>(entries) { [name] = mutated }, "a");
            AssertRefusedOrRead(() => Bundle.OpenUnverified(file, "a.melo"), name, round);
        });
    }

    [Fact]
    public void MutatedStatementThatWasSigned_IsRefusedOrRead()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        TrustStore trust = TrustStore.FromKey(key);
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> entries = ZipReader.Read(TestBundles.Write(key), "a");
        byte[] payload = Convert.FromBase64String((string)JsonNode.Parse(entries["model.sig"].Span)!["dsseEnvelope"]!["payload"]!);
        Parallel.For(0, Rounds, round =>
        {
            byte[] mutated = Mutate(payload, new Random(round));
            if (mutated.Length == 0) return;
            byte[] signature = key.Sign(ModelSignature.PreAuthenticationEncoding(mutated));
            byte[] file = SigstoreBundle.WithKey(key.KeyHint, mutated, signature).ToBytes();
            AssertRefusedOrRead(() => ModelSignature.Verify(file, Bundle.SignedResources(entries), trust, "model.sig"), "statement", round);
        });
    }

    [Fact]
    public void MutatedCertificate_IsRefused()
    {
        using TemporaryFolder folder = new();
        using TestAuthority root = new("CN=Root");
        using TestAuthority intermediate = new("CN=Intermediate", root);
        using SigningKey key = intermediate.Issue(folder, "CN=Signer");
        TrustStore trust = root.Trust(folder);
        FixedTime now = new(TestAuthority.From.AddYears(1));
        ModelResource[] resources = [ModelResource.FromBytes("a", [])];
        byte[] payload = SignedManifest.Write("m", resources, []);
        byte[] signature = key.Sign(ModelSignature.PreAuthenticationEncoding(payload));
        ModelSignature.Verify(SigstoreBundle.WithCertificates(key.Certificates, payload, signature).ToBytes(), resources, trust, "model.sig", now);
        foreach (int certificate in (int[])[0, 1])
        {
            Parallel.For(0, key.Certificates[certificate].Length, position =>
            {
                byte[][] chain = [[.. key.Certificates[0]], [.. key.Certificates[1]]];
                chain[certificate][position] ^= (byte)(1 << (position % 8));
                byte[] file = SigstoreBundle.WithCertificates(chain, payload, signature).ToBytes();
                Assert.Throws<BundleException>(() => ModelSignature.Verify(file, resources, trust, "model.sig", now));
            });
        }
    }

    [Fact]
    public void MutatedCertificateFile_IsRefusedOrRead()
    {
        using TemporaryFolder folder = new();
        using TestAuthority root = new("CN=Root");
        (string keyPath, string chainPath) = root.IssueFiles(folder, "CN=Signer");
        byte[] leaf = PemFile.Blocks(File.ReadAllBytes(chainPath), "chain")[0].Data;
        for (int position = 0; position < Math.Max(leaf.Length, root.Der.Length); position++)
        {
            byte[] authority = [.. root.Der];
            authority[position % authority.Length] ^= (byte)(1 << (position % 8));
            File.WriteAllBytes(folder["ca.der"], authority);
            AssertRefusedOrRead(() => TrustStore.FromFile(folder["ca.der"]), "CA", position);

            byte[] signer = [.. leaf];
            signer[position % signer.Length] ^= (byte)(1 << (position % 8));
            File.WriteAllText(chainPath, TestAuthority.Pem(signer));
            AssertRefusedOrRead(() => SigningKey.FromPemFile(keyPath, chainPath).Dispose(), "signer", position);
        }
    }

    private static byte[] Mutate(byte[] bytes, Random random)
    {
        List<byte> mutated = [.. bytes];
        // Half of the time near the start, where the headers of tensor files are.
        int at = random.Next(random.Next(2) == 0 ? Math.Min(mutated.Count, 300) : mutated.Count);
        int length = Math.Min(random.Next(1, 12), mutated.Count - at);
        switch (random.Next(6))
        {
            case 0: mutated[at] ^= (byte)(1 << random.Next(8)); break;
            case 1: mutated[at] = (byte)random.Next(256); break;
            case 2: mutated.RemoveRange(at, length); break;
            case 3: mutated.InsertRange(at, mutated.GetRange(random.Next(mutated.Count - length + 1), length)); break;
            case 4: mutated.RemoveRange(at, mutated.Count - at); break;
            default: mutated.InsertRange(at, Encoding.UTF8.GetBytes(s_fragments[random.Next(s_fragments.Length)])); break;
        }
        return mutated.Count == 0 ? [0] : [.. mutated];
    }

    private static void AssertRefusedOrRead(Action action, string what, int round)
    {
        try
        {
            action();
        }
        catch (BundleException)
        {
            // refused
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Assert.Fail($"{what}, round {round}: {e}");
        }
    }
}
