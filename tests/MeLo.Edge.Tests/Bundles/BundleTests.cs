using System.Security.Cryptography;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

public sealed class BundleTests
{
    [Theory]
    [InlineData(SigningCurve.P256)]
    [InlineData(SigningCurve.P384)]
    [InlineData(SigningCurve.P521)]
    public void WrittenAndOpened_GivesBackEverything(SigningCurve curve)
    {
        using TemporaryFolder folder = new();
        using SigningKey key = SigningKey.Generate(curve);
        string path = folder["a.melo"];
        File.WriteAllBytes(path, TestBundles.Write(key, TestBundles.Preview));

        Bundle bundle = Bundle.Open(path, TestBundles.Trust(folder, key));

        Assert.Equal(TestBundles.Description.ToJson(), bundle.Description.ToJson());
        Assert.Equal(TestBundles.Adapter().Pairs.Select(p => p.A), bundle.Adapter.Pairs.Select(p => p.A));
        Assert.Equal(TestBundles.Adapter().Pairs.Select(p => p.B), bundle.Adapter.Pairs.Select(p => p.B));
        Assert.Equal(TestBundles.Adapter().Head.Weight, bundle.Adapter.Head.Weight);
        Assert.Equal(TestBundles.Adapter().Head.Bias, bundle.Adapter.Head.Bias);
        Assert.Equal(TestBundles.Probe().PixelValues, bundle.Probe.PixelValues);
        Assert.Equal(TestBundles.Probe().Logits, bundle.Probe.Logits);
        Assert.Equal(TestBundles.Probe().PixelShape, bundle.Probe.PixelShape);
        Assert.Equal(TestBundles.Preview, bundle.Preview!.Value.ToArray());
        Assert.Equal("sha256:" + Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), bundle.Digest);
        Assert.Equal(File.ReadAllBytes(path), bundle.File.ToArray());
        Assert.Equal(new BundleSignature(SigningMethod.Key, bundle.Signature.Signer, key.KeyHint, curve), bundle.Signature);
    }

    [Fact]
    public void UnsignedBundle_IsRefusedAsNotSigned_ButCanBeInspected()
    {
        using TemporaryFolder folder = new();
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        byte[] file = TestBundles.Write(key: null);
        TestBundles.Refused(BundleRefusal.NotSigned, () => Bundle.Open(file, TestBundles.Trust(folder, key), "a.melo"), "a.melo: found no model.sig");

        BundleContents contents = Bundle.OpenUnverified(file, "a.melo");
        Assert.Null(contents.SignatureClaim);
        Assert.Null(contents.Preview);
        Assert.Equal("tuberculosis", contents.Description.Task);
    }

    [Fact]
    public void SameInputsUnsigned_GiveSameBytes() => Assert.Equal(TestBundles.Write(null, TestBundles.Preview), TestBundles.Write(null, TestBundles.Preview));

    [Fact]
    public void SameInputsSigned_DifferOnlyInTheSignature()
    {
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> one = ZipReader.Read(TestBundles.Write(key), "one");
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> two = ZipReader.Read(TestBundles.Write(key), "two");
        Assert.Equal(one.Keys, two.Keys);
        foreach (string name in one.Keys.Where(n => n != "model.sig")) Assert.Equal(one[name].ToArray(), two[name].ToArray());
        Assert.NotEqual(one["model.sig"].ToArray(), two["model.sig"].ToArray());
    }

    [Fact]
    public void UnknownKey_IsUntrusted()
    {
        using TemporaryFolder folder = new();
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        using SigningKey other = SigningKey.Generate(SigningCurve.P256);
        TestBundles.Refused(BundleRefusal.Untrusted, () => Bundle.Open(TestBundles.Write(key), TestBundles.Trust(folder, other), "a.melo"), key.KeyHint);
    }

    [Fact]
    public void SignedAgain_KeepsEverythingElseAndNeedsTheNewKey()
    {
        using TemporaryFolder folder = new();
        using SigningKey first = SigningKey.Generate(SigningCurve.P256);
        using SigningKey second = SigningKey.Generate(SigningCurve.P384);
        byte[] before = TestBundles.Write(first, TestBundles.Preview);
        byte[] after = BundleWriter.Sign(before, second, "a.melo");

        TestBundles.Refused(BundleRefusal.Untrusted, () => Bundle.Open(after, TestBundles.Trust(folder, first), "a.melo"));
        Assert.Equal(SigningCurve.P384, Bundle.Open(after, TestBundles.Trust(folder, second), "a.melo").Signature.Curve);
        IReadOnlyDictionary<string, ReadOnlyMemory<byte>> old = ZipReader.Read(before, "before");
        foreach ((string name, ReadOnlyMemory<byte> data) in ZipReader.Read(after, "after").Where(e => e.Key != "model.sig"))
            Assert.Equal(old[name].ToArray(), data.ToArray());
    }

    [Fact]
    public void UnsignedBundleSigned_CanBeOpened()
    {
        using TemporaryFolder folder = new();
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        Bundle bundle = Bundle.Open(BundleWriter.Sign(TestBundles.Write(null), key, "a.melo"), TestBundles.Trust(folder, key), "a.melo");
        Assert.Equal(3, bundle.Description.Release);
    }

    [Fact]
    public void SignatureOfAnotherBundle_IsTampered()
    {
        using TemporaryFolder folder = new();
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        Dictionary<string, ReadOnlyMemory<byte>> entries = new(ZipReader.Read(TestBundles.Write(key), "a"), StringComparer.Ordinal);
        byte[] other = BundleWriter.Write(TestBundles.Description with { Release = 4 }, TestBundles.Adapter(), TestBundles.Probe(), null, key);
        entries["model.sig"] = ZipReader.Read(other, "b")["model.sig"];
        TestBundles.Refused(BundleRefusal.Tampered, () => Bundle.Open(ZipWriter.Write(entries, "a"), TestBundles.Trust(folder, key), "a.melo"), "'adapter.json': found SHA-256");
    }

    [Fact]
    public void PreviewAddedAfterSigning_IsTampered()
    {
        using TemporaryFolder folder = new();
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        Dictionary<string, ReadOnlyMemory<byte>> entries = new(ZipReader.Read(TestBundles.Write(key), "a"), StringComparer.Ordinal) { ["preview.png"] = TestBundles.Preview };
        TestBundles.Refused(BundleRefusal.Tampered, () => Bundle.Open(ZipWriter.Write(entries, "a"), TestBundles.Trust(folder, key), "a.melo"), "'preview.png' is there and was not signed");
    }

    [Fact]
    public void PreviewRemovedAfterSigning_IsTampered()
    {
        using TemporaryFolder folder = new();
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        Dictionary<string, ReadOnlyMemory<byte>> entries = new(ZipReader.Read(TestBundles.Write(key, TestBundles.Preview), "a"), StringComparer.Ordinal);
        entries.Remove("preview.png");
        TestBundles.Refused(BundleRefusal.Tampered, () => Bundle.Open(ZipWriter.Write(entries, "a"), TestBundles.Trust(folder, key), "a.melo"), "'preview.png' was signed and is missing");
    }

    [Fact]
    public void FileLargerThanAnyBundle_IsRefusedBeforeItIsRead()
    {
        using TemporaryFolder folder = new();
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        string path = folder["huge.melo"];
        using (FileStream file = File.Create(path)) file.SetLength(8L << 30); // sparse
        TestBundles.Refused(BundleRefusal.Malformed, () => Bundle.Open(path, TestBundles.Trust(folder, key)), "huge.melo: found 8589934592 bytes");
    }

    [Fact]
    public void Expiry_IsLeftToWhoeverActivates()
    {
        using TemporaryFolder folder = new();
        using SigningKey key = SigningKey.Generate(SigningCurve.P256);
        AdapterDescription description = TestBundles.Description with { Expires = TestBundles.Description.Created.AddDays(1) };
        Bundle bundle = Bundle.Open(BundleWriter.Write(description, TestBundles.Adapter(), TestBundles.Probe(), null, key), TestBundles.Trust(folder, key), "a.melo");
        Assert.False(bundle.Description.IsExpired(new FixedTime(description.Created)));
        Assert.True(bundle.Description.IsExpired(new FixedTime(description.Created.AddDays(1))));
        Assert.False(TestBundles.Description.IsExpired(new FixedTime(DateTimeOffset.MaxValue)));
    }
}
