using MeLo.Edge.Tests;

namespace AdapterPacker.Tests;

/// <summary><c>base import --precision fp32,int8 --calibrate DIR</c>.</summary>
public sealed class CalibrationTests(Workbench bench) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void BothPrecisions_ArePrinted_WithTheDigestOfFp32Alone()
    {
        string target = Path.Combine(_folder.Root, "base");
        string output = Packer.Done("base", "import", bench.Checkpoint, "--out", target, "--heads", "2", "--precision", "fp32,int8");
        Assert.Contains("graphs: fp32, int8", output, StringComparison.Ordinal);
        using MeLo.Edge.Models.BasePackage plain = MeLo.Edge.Models.BasePackage.Open(bench.Base);
        Assert.Contains($"base {plain.Digest}", output, StringComparison.Ordinal);
    }

    [Fact]
    public void FolderThatIsNone_IsRefused_AndNothingIsLeft()
    {
        string file = _folder["text", "notes.txt"];
        File.WriteAllText(file, "not a folder");
        string[] arguments = ["base", "import", bench.Checkpoint, "--out", _folder["bases", "base"], "--heads", "2", "--precision", "fp32,int8", "--calibrate"];
        Packer.Refused("expected one with pictures", [.. arguments, Path.Combine(_folder.Root, "absent")]);
        Packer.Refused("expected one with pictures", [.. arguments, file]);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(_folder.Root, "bases")));
    }

    [Fact]
    public async Task CalibrationThatNoGraphWouldUse_IsWrongUsage()
    {
        ProgramResult result = await Packer.RunHereAsync("base", "import", bench.Checkpoint, "--out", _folder["base"], "--heads", "2", "--calibrate", _folder.Root);
        Assert.Equal(PackerProgram.WrongUsage, result.ExitCode);
        Assert.Contains("expected int8 among them", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        result = await Packer.RunHereAsync("base", "import", bench.Checkpoint, "--out", _folder["base"], "--heads", "2", "--calibrate", _folder.Root, "--precision", "int9");
        Assert.Equal(PackerProgram.WrongUsage, result.ExitCode);
        Assert.Contains("int9", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
