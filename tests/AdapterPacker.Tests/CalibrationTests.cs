using System.Buffers.Binary;

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
    public void PicturesToCalibrateWith_ChangeTheInt8WeightsAlone_AndOneThatIsNone_IsRefused()
    {
        string pictures = Path.GetDirectoryName(_folder["pictures", "a.bmp"])!;
        for (int i = 0; i < 3; i++) File.WriteAllBytes(Path.Combine(pictures, $"{i}.bmp"), Bmp(i));
        string[] arguments = ["base", "import", bench.Checkpoint, "--heads", "2", "--precision", "fp32,int8", "--out"];
        Packer.Done([.. arguments, _folder["plain"]]);
        Packer.Done([.. arguments, _folder["calibrated"], "--calibrate", pictures]);
        foreach ((string file, bool same) in new[] { ("weights.safetensors", true), ("model.fp32.onnx", true), ("weights.int8.safetensors", false) })
            Assert.Equal(same, File.ReadAllBytes(Path.Combine(_folder["plain"], file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(_folder["calibrated"], file))));
        File.WriteAllText(Path.Combine(pictures, "notes.txt"), "not a picture");
        Packer.Refused("'notes.txt' in", [.. arguments, _folder["refused"], "--calibrate", pictures]);
        Assert.False(Directory.Exists(_folder["refused"]));
    }

    [Fact]
    public void CalibrationOfABase_WhoseLinearsAllAdapt_IsRefused()
    {
        string pictures = Path.GetDirectoryName(_folder["pictures", "a.bmp"])!;
        File.WriteAllBytes(Path.Combine(pictures, "a.bmp"), Bmp(1));
        Packer.Refused("found every linear adaptable",
            "base", "import", bench.Checkpoint, "--out", _folder["base"], "--heads", "2", "--precision", "fp32,int8", "--adapt", "all", "--calibrate", pictures);
        Assert.False(Directory.Exists(_folder["base"]));
    }

    [Fact]
    public void FolderWithoutPictures_OrModelThatOverflowsOnThem_IsRefused_AndNothingIsLeft()
    {
        string pictures = Path.GetDirectoryName(_folder["pictures", "a.bmp"])!;
        RandomVit vit = new(1);
        float[] fc1 = vit.Tensors["blocks.0.mlp.fc1.weight"].Values;
        for (int i = 0; i < fc1.Length; i++) fc1[i] *= 1e25f;
        string[] arguments = ["base", "import", vit.WriteCheckpoint(_folder["wild.safetensors"]), "--heads", "2", "--precision", "fp32,int8", "--out", _folder["bases", "base"], "--calibrate", pictures];
        Packer.Refused("found no picture in", arguments);
        File.WriteAllBytes(Path.Combine(pictures, "0.bmp"), Bmp(0));
        Packer.Refused("found inputs of layers.0.fc2.weight whose products are not finite", arguments);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(_folder.Root, "bases")));
    }

    [Fact]
    public async Task CalibrationThatNoGraphWouldUse_IsWrongUsage()
    {
        ProgramResult result = await Packer.RunHereAsync("base", "import", bench.Checkpoint, "--out", _folder["base"], "--heads", "2", "--calibrate", _folder.Root);
        Assert.Equal(ToolProgram.WrongUsage, result.ExitCode);
        Assert.Contains("expected int8 among them", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        result = await Packer.RunHereAsync("base", "import", bench.Checkpoint, "--out", _folder["base"], "--heads", "2", "--calibrate", _folder.Root, "--precision", "int9");
        Assert.Equal(ToolProgram.WrongUsage, result.ExitCode);
        Assert.Contains("int9", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    // A bitmap of 24 bits, 16 by 16, of noise.
    private static byte[] Bmp(int seed)
    {
        const int size = 16, header = 54;
        byte[] file = new byte[header + (3 * size * size)];
        new Random(seed).NextBytes(file.AsSpan(header));
        "BM"u8.CopyTo(file);
        foreach ((int at, int value) in new[] { (2, file.Length), (10, header), (14, 40), (18, size), (22, size), (26, 1 | (24 << 16)), (34, 3 * size * size) })
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
        return file;
    }

    public void Dispose() => _folder.Dispose();
}
