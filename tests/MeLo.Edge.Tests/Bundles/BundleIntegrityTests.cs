using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>No byte of a bundle may change, and none may be missing or added.</summary>
public sealed class BundleIntegrityTests
{
    [Fact]
    public void AnyByteOfASmallBundleChanged_IsRefused()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        AssertEveryByteCounts(TestBundles.Write(key, TestBundles.Preview), TrustStore.FromKey(key));
    }

    [Fact]
    public void AnyByteOfASmallBundleInCertificateModeChanged_IsRefused()
    {
        using TemporaryFolder folder = new();
        using TestAuthority authority = new("CN=Test CA");
        using SigningKey key = authority.Issue(folder, "CN=Signer");
        AssertEveryByteCounts(TestBundles.Write(key), authority.Trust(folder));
    }

    [Fact]
    public void StructureAndSampledWeightsOfALargerBundle_AreRefused()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        TrustStore trust = TrustStore.FromKey(key);
        // 12 layers of width 192: 0.3 MB, as a task of a ViT-Ti.
        byte[] file = BundleWriter.Write(TestBundles.Description with { Lora = TestBundles.Description.Lora with { Rank = 4 } },
            TestBundles.Adapter(dim: 192, depth: 12, rank: 4), TestBundles.Probe(), TestBundles.Preview, key);
        Assert.NotNull(Bundle.Open(file, trust, "a.melo"));

        int weights = Find(file, "adapter.safetensors"u8);
        int end = Find(file, "probe.safetensors"u8);
        Random random = new(9);
        List<int> positions = [.. Enumerable.Range(0, weights + 4096), .. Enumerable.Range(end - 64, file.Length - end + 64)];
        for (int i = 0; i < 10_000; i++) positions.Add(random.Next(weights, end));
        Parallel.ForEach(positions.Chunk(500), chunk =>
        {
            byte[] copy = [.. file];
            Random flips = new(chunk[0]);
            foreach (int position in chunk)
            {
                byte before = copy[position];
                copy[position] ^= (byte)flips.Next(1, 256);
                AssertRefused(copy, trust, $"byte {position} changed from {before} to {copy[position]}");
                copy[position] = before;
            }
        });
    }

    [Fact]
    public void AnyByteOfTheStructureChangedToAnyOtherValue_IsRefused()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        byte[] file = TestBundles.Write(key);
        HashSet<int> data = [];
        foreach ((string name, ReadOnlyMemory<byte> entry) in ZipReader.Read(file, "a"))
            data.UnionWith(Enumerable.Range(Find(file, System.Text.Encoding.ASCII.GetBytes(name)) + 30 + name.Length, entry.Length));
        int[] structure = [.. Enumerable.Range(0, file.Length).Where(i => !data.Contains(i))];
        Assert.Equal(ZipFormat.EndLength + (4 * (ZipFormat.LocalHeaderLength + ZipFormat.CentralHeaderLength)) + (2 * "adapter.jsonadapter.safetensorsprobe.safetensorsmodel.sig".Length), structure.Length);
        AssertChangesAreRefused(file, TrustStore.FromKey(key), structure, Enumerable.Range(1, 255));
    }

    [Theory]
    [InlineData("adapter.json")]
    [InlineData("adapter.safetensors")]
    [InlineData("probe.safetensors")]
    [InlineData("preview.png")]
    public void ByteOfAPayloadChangedAndItsCrcRepaired_IsTampered(string name)
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        TrustStore trust = TrustStore.FromKey(key);
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> entries = ZipReader.Read(TestBundles.Write(key, TestBundles.Preview), "a");
        for (int i = 0; i < entries[name].Length; i++)
        {
            byte[] changed = entries[name].ToArray();
            changed[i] ^= (byte)(1 << (i % 8));
            byte[] file = ZipWriter.Write(new Dictionary<string, ReadOnlyMemory<byte>>(entries) { [name] = changed }, "a");
            TestBundles.Refused(BundleRefusal.Tampered, () => Bundle.Open(file, trust, "a.melo"), $"'{name}': found SHA-256");
        }
    }

    [Fact]
    public void BitOfTheSignatureChangedAndItsCrcRepaired_IsRefused()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        TrustStore trust = TrustStore.FromKey(key);
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> entries = ZipReader.Read(TestBundles.Write(key), "a");
        byte[] signature = entries["model.sig"].ToArray();
        for (int bit = 0; bit < signature.Length * 8; bit++)
        {
            byte[] changed = [.. signature];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            AssertRefused(ZipWriter.Write(new Dictionary<string, ReadOnlyMemory<byte>>(entries) { ["model.sig"] = changed }, "a"), trust, $"bit {bit} of model.sig");
        }
    }

    [Fact]
    public void EveryTruncation_IsRefused()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        byte[] file = TestBundles.Write(key);
        for (int length = 0; length < file.Length; length++) AssertRefused(file[..length], TrustStore.FromKey(key), $"cut to {length} bytes");
    }

    [Fact]
    public void BytesAdded_AreRefused()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        byte[] file = TestBundles.Write(key);
        TrustStore trust = TrustStore.FromKey(key);
        AssertRefused([.. file, 0], trust, "a byte at the end");
        AssertRefused([0, .. file], trust, "a byte at the start");
        AssertRefused([.. file, .. file], trust, "the file twice");
        AssertRefused([.. file, .. file[^22..]], trust, "the end record twice");
        for (int at = 1; at < file.Length; at++) AssertRefused([.. file[..at], 0, .. file[at..]], trust, $"a byte at {at}");
    }

    // Each bit alone, and all together.
    private static void AssertEveryByteCounts(byte[] file, TrustStore trust) =>
        AssertChangesAreRefused(file, trust, Enumerable.Range(0, file.Length), [1, 2, 4, 8, 16, 32, 64, 128, 255]);

    private static void AssertChangesAreRefused(byte[] file, TrustStore trust, IEnumerable<int> positions, IEnumerable<int> differences)
    {
        Assert.NotNull(Bundle.Open(file, trust, "a.melo"));
        Parallel.ForEach(positions.Chunk(64), chunk =>
        {
            byte[] copy = [.. file];
            foreach (int position in chunk)
            {
                byte before = copy[position];
                foreach (int difference in differences)
                {
                    copy[position] = (byte)(before ^ difference);
                    AssertRefused(copy, trust, $"byte {position} changed from {before} to {copy[position]}");
                }
                copy[position] = before;
            }
        });
    }

    // Not Assert.Throws: there are a hundred thousand of them.
    private static void AssertRefused(byte[] file, TrustStore trust, string change)
    {
        try
        {
            Bundle.Open(file, trust, "a.melo");
        }
        catch (BundleException)
        {
            return;
        }
        Assert.Fail(change);
    }

    private static int Find(byte[] file, ReadOnlySpan<byte> text) => file.AsSpan().IndexOf(text) - 30;
}
