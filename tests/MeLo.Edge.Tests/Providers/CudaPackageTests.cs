using System.Reflection;
using System.Text.Json;
using System.Xml.Linq;

namespace MeLo.Edge.Tests.Providers;

/// <summary>The CUDA provider that <c>-p:Cuda=true</c> brings is of the release of the library that it lies beside.</summary>
public sealed class CudaPackageTests
{
    [Fact]
    public void TheCudaPackages_AreOfTheReleaseOfTheNpmPackage()
    {
        string root = typeof(CudaPackageTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "RepositoryRoot").Value!;
        using JsonDocument npm = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(root, "native", "package.json")));
        string? release = npm.RootElement.GetProperty("dependencies").GetProperty("onnxruntime-node").GetString();
        Dictionary<string, string> pinned = XDocument.Load(Path.Combine(root, "Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(p => p.Attribute("Include")!.Value, p => p.Attribute("Version")!.Value);
        foreach (string system in (string[])["Linux", "Windows"]) Assert.Equal(release, pinned[$"Microsoft.ML.OnnxRuntime.Gpu.{system}"]);
    }
}
