using MeLo.Edge.Native.Gpu;

namespace MeLo.Edge.Tests.Native.Gpu;

public sealed class VulkanManifestsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public VulkanManifestsTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "drivers are named by manifests on Linux");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ADriverThatIsMissing_IsNamed_ByItsManifestAndItsPath()
    {
        string manifest = Manifest("""{ "ICD": { "library_path": "./libvulkan_fake.so" } }""");
        string said = VulkanManifests.Describe(manifest);
        Assert.StartsWith($"{manifest} names ./libvulkan_fake.so, which cannot be loaded: ", said, StringComparison.Ordinal);
        Assert.Contains($"{_folder["libvulkan_fake.so"]}: cannot open shared object file", said, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', said);
    }

    [Fact]
    public void EveryNamedManifest_IsLookedAt()
    {
        string loads = Manifest("""{ "ICD": { "library_path": "libm.so.6" } }"""), broken = Manifest("{"), other = Manifest("[]");
        Assert.Equal($"{loads} names libm.so.6, which loads; {broken} is no driver's manifest; {other} is no driver's manifest; there is no /nonexistent.json",
            VulkanManifests.Describe($"{loads}:{broken}:{other}:/nonexistent.json"));
    }

    private string Manifest(string text)
    {
        string path = _folder[$"{Guid.NewGuid():N}.json"];
        File.WriteAllText(path, text);
        return path;
    }
}
