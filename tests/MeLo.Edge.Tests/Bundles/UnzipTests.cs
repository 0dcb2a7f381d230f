using System.Text;
using System.Text.Json.Nodes;
using MeLo.Edge.Bundles;

namespace MeLo.Edge.Tests.Bundles;

/// <summary>A hospital can take a bundle apart with ordinary tools, and check the parts with any OMS tool.</summary>
public sealed class UnzipTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SigningKey _key = SigningKey.Generate(SigningCurve.P256);
    private readonly byte[] _bundle;

    public UnzipTests()
    {
        _bundle = TestBundles.Write(_key, TestBundles.Preview);
        File.WriteAllBytes(_folder["a.melo"], _bundle);
    }

    public void Dispose()
    {
        _key.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void UnzipTest_FindsNoErrors()
    {
        string output = Tool.Run("unzip", _folder.Root, "-t", "a.melo");
        Assert.Contains("No errors detected", output, StringComparison.Ordinal);
        Assert.DoesNotContain("warning", output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void UnzippedFolder_VerifiesAsAModelFolder()
    {
        Tool.Run("unzip", _folder.Root, "-q", "a.melo", "-d", "model");
        string model = Path.Combine(_folder.Root, "model");
        foreach (string file in Directory.EnumerateFiles(model)) Assert.Equal(ZipReader.Read(_bundle, "a")[Path.GetFileName(file)].ToArray(), File.ReadAllBytes(file));

        byte[] signature = File.ReadAllBytes(Path.Combine(model, "model.sig"));
        ModelSignature.Verify(signature, ModelFolder.Enumerate(model, ["model.sig"]), TrustStore.FromKey(_key), "model.sig");
        File.AppendAllText(Path.Combine(model, "adapter.json"), " ");
        TestBundles.Refused(BundleRefusal.Tampered, () => ModelSignature.Verify(signature, ModelFolder.Enumerate(model, ["model.sig"]), TrustStore.FromKey(_key), "model.sig"), "adapter.json");
    }

    [Fact]
    public void PythonsZipfile_ReadsEveryEntry()
    {
        const string Script = """
            import zipfile, json, hashlib
            z = zipfile.ZipFile('a.melo')
            assert z.testzip() is None
            print(json.dumps({i.filename: [hashlib.sha256(z.read(i)).hexdigest(), i.compress_type, i.external_attr >> 16] for i in z.infolist()}))
            """;
        JsonNode listing = JsonNode.Parse(Tool.Run("python3", _folder.Root, "-c", Script))!;
        foreach (ModelResource resource in Bundle.SignedResources(ZipReader.Read(_bundle, "a")))
        {
            Assert.Equal(resource.Digest, (string?)listing[resource.Name]![0]);
            Assert.Equal((0, 0x81A4), ((int)listing[resource.Name]![1]!, (int)listing[resource.Name]![2]!));
        }
    }

    [Fact]
    public void PythonsHashlib_AgreesWithTheSignedManifest()
    {
        // An independent reading of the standard, in another language: digests, order, root digest.
        const string Script = """
            import zipfile, json, hashlib, base64
            z = zipfile.ZipFile('a.melo')
            s = json.loads(base64.b64decode(json.loads(z.read('model.sig'))['dsseEnvelope']['payload']))
            names = sorted(n for n in z.namelist() if n != 'model.sig')
            digests = [hashlib.sha256(z.read(n)).digest() for n in names]
            assert [(r['name'], r['digest']) for r in s['predicate']['resources']] == [(n, d.hex()) for n, d in zip(names, digests)]
            assert s['subject'][0]['digest']['sha256'] == hashlib.sha256(b''.join(digests)).hexdigest()
            print('same')
            """;
        Assert.Equal("same\n", Tool.Run("python3", _folder.Root, "-c", Script));
    }

    [Fact]
    public void FolderWithOddNamesAndGitFiles_IsEnumeratedAsTheStandardSays()
    {
        foreach (string file in (string[])["b.bin", "a/\U0001F600.bin", "a/\uFF5E.bin", "a b/c (d).bin", ".hidden", "sub/.git/config", ".git/config", ".gitignore", ".gitattributes", ".github/x", "cache/x", "sub/cache/x"])
            File.WriteAllText(_folder["m", file], file);
        string model = Path.Combine(_folder.Root, "m");
        ModelResource[] found = [.. ModelFolder.Enumerate(model, ["cache"]).OrderBy(r => r.Name, ModelResource.NameOrder)];
        Assert.Equal([".hidden", "a b/c (d).bin", "a/\uFF5E.bin", "a/\U0001F600.bin", "b.bin", "sub/.git/config", "sub/cache/x"], found.Select(r => r.Name));
        Assert.Equal(ModelResource.FromBytes("b.bin", Encoding.UTF8.GetBytes("b.bin")), found[4]);
        Assert.Equal("b.bin", Assert.Single(ModelFolder.Enumerate(Path.Combine(model, "b.bin"))).Name);
    }

    [Theory]
    [InlineData("b.bin")]
    [InlineData(".")]
    [InlineData("/nonexistent")]
    public void SymbolicLink_IsRefused(string target)
    {
        File.WriteAllText(_folder["m", "b.bin"], "b");
        File.CreateSymbolicLink(_folder["m", "link"], target);
        TestBundles.Refused(BundleRefusal.Malformed, () => ModelFolder.Enumerate(Path.Combine(_folder.Root, "m")), "is a symbolic link");
    }
}
