using System.Diagnostics;
using System.Text.RegularExpressions;
using MeLo.Edge.Models;

namespace MeLo.Edge.Tests.Models;

/// <summary>What docs/base-package.md claims and a machine can check.</summary>
public sealed partial class BasePackageDocumentTests
{
    private static readonly string s_document = File.ReadAllText(Path.Combine(SharedData.RepositoryRoot, "docs", "base-package.md"));

    [Fact]
    public void PythonOfTheDocument_GivesTheDigest()
    {
        using TemporaryFolder folder = new();
        RandomVit vit = new(new VitArchitecture { ImageSize = 8, PatchSize = 4, Dim = 12, Depth = 11, Heads = 3, MlpDim = 20 });
        Importing.Import(RandomVit.Save(folder["c.safetensors"], vit.Timm()), folder["base"], new BaseImportOptions { Heads = 3 });
        using BasePackage package = BasePackage.Open(folder["base"]);
        File.WriteAllText(folder["digest.py"], PythonBlock().Match(s_document).Groups[1].Value);
        Process python;
        try
        {
            python = Process.Start(new ProcessStartInfo("python3", [folder["digest.py"], package.Folder]) { RedirectStandardOutput = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("needs python3 on the PATH");
            return;
        }
        using (python)
        {
            Assert.Equal(package.Digest, python.StandardOutput.ReadToEnd().Trim());
            python.WaitForExit();
        }
    }

    [Fact]
    public void ExampleOfTheDocument_HasTheMembersOfARealManifest()
    {
        using TemporaryFolder folder = new();
        RandomVit vit = new(new VitArchitecture { ImageSize = 8, PatchSize = 4, Dim = 12, Depth = 1, Heads = 3, MlpDim = 20 });
        Importing.Import(RandomVit.Save(folder["c.safetensors"], vit.Timm()), folder["base"], new BaseImportOptions { Heads = 3 });
        string example = JsonBlock().Match(s_document).Groups[1].Value;
        Assert.Equal(Members(File.ReadAllText(folder["base", "base.json"])), Members(example));
        // And it is one: the manifest's own reader takes it.
        File.WriteAllText(folder["example", "base.json"], example);
        Assert.Equal("vit_tiny_patch16_224", BaseManifest.Read(folder["example"]).Architecture.ToArchitecture().Name);

        static string[] Members(string json) => [.. MemberName().Matches(json).Select(m => m.Value)];
    }

    [GeneratedRegex("```python\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex PythonBlock();

    [GeneratedRegex("```json\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex JsonBlock();

    [GeneratedRegex("\"[A-Za-z0-9]+\":")]
    private static partial Regex MemberName();
}
