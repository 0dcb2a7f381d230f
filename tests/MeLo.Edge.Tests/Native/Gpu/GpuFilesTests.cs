using MeLo.Edge.Native.Gpu;

namespace MeLo.Edge.Tests.Native.Gpu;

public sealed class GpuFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public GpuFilesTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "the files are Linux's");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WithoutAny_TheKernelHasNoDriver() => Assert.StartsWith($"there is no {_folder.Root}/dri/renderD* and no {_folder.Root}/nvidia*: ", GpuFiles.Describe(_folder.Root), StringComparison.Ordinal);

    [Fact]
    public void ThoseThatCanBeOpened_AreNamed()
    {
        string render = Make("dri", "renderD128"), nvidia = Make("nvidia0"), control = Make("nvidiactl");
        Make("dri", "card0");
        Make("nvidia-modeset");
        Assert.Equal($"this user can open {render}, {nvidia}, {control}", GpuFiles.Describe(_folder.Root));
    }

    [Fact]
    public void OneThatCannotBeOpened_IsNamed_WithTheGroupThatMay()
    {
        Make("nvidia0");
        string render = _folder["dri", "renderD128"];
        File.CreateSymbolicLink(render, "/nonexistent"); // as root may open whatever there is
        Assert.StartsWith($"this user cannot open {render}: usermod -aG render,video USER", GpuFiles.Describe(_folder.Root), StringComparison.Ordinal);
    }

    private string Make(params string[] path)
    {
        File.WriteAllText(_folder[path], "");
        return _folder[path];
    }
}
