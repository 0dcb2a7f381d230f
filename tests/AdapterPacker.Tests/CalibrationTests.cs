using System.Buffers.Binary;
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
    public void PicturesOfTheFolder_DecideTheGraph()
    {
        // One channel far beyond the others: the graph holds how far the others reach, which is the pictures' doing.
        RandomVit vit = new(3);
        vit.Tensors["blocks.1.mlp.fc1.bias"].Values[5] = 200;
        string checkpoint = vit.WriteCheckpoint(_folder["vit.safetensors"]);
        byte[] darkPicture = Bmp(1, darkest: 0, lightest: 40), brightPicture = Bmp(2, darkest: 200, lightest: 255);
        File.WriteAllBytes(_folder["dark", "1.bmp"], darkPicture);
        File.WriteAllBytes(_folder["bright", "1.bmp"], brightPicture);
        File.WriteAllBytes(_folder["both", "1.bmp"], darkPicture);
        File.WriteAllBytes(_folder["both", "2.bmp"], brightPicture);
        byte[] drawn = Import("drawn"), dark = Import("a", "dark"), bright = Import("b", "bright"), both = Import("c", "both");
        Assert.NotEqual(drawn, dark);
        Assert.NotEqual(dark, bright);
        // Of the two, the one with the larger values decides.
        Assert.True(both.AsSpan().SequenceEqual(dark) || both.AsSpan().SequenceEqual(bright), "neither picture's");
        Assert.Equal(dark, Import("d", "dark"));

        byte[] Import(string name, string? pictures = null)
        {
            string target = _folder["bases", name];
            Packer.Done(["base", "import", checkpoint, "--out", target, "--heads", "2", "--precision", "fp32,int8",
                .. pictures is null ? (string[])[] : ["--calibrate", Path.Combine(_folder.Root, pictures)]]);
            return File.ReadAllBytes(Path.Combine(target, "model.int8.onnx"));
        }
    }

    [Fact]
    public void FolderThatCannotBeUsed_IsRefused_AndNothingIsLeft()
    {
        string empty = Directory.CreateDirectory(_folder["empty"]).FullName;
        File.WriteAllBytes(_folder["text", "1.bmp"], Bmp(1, 0, 255));
        File.WriteAllText(_folder["text", "2-notes.txt"], "not a picture");
        File.WriteAllBytes(_folder["broken", "half.bmp"], Bmp(1, 0, 255)[..100]);
        string[] arguments = ["base", "import", bench.Checkpoint, "--out", _folder["bases", "base"], "--heads", "2", "--precision", "fp32,int8", "--calibrate"];
        Packer.Refused("expected one with pictures", [.. arguments, Path.Combine(_folder.Root, "absent")]);
        Packer.Refused("expected one with pictures", [.. arguments, Path.Combine(_folder.Root, "text", "1.bmp")]);
        Packer.Refused("expected pictures", [.. arguments, empty]);
        Packer.Refused("'2-notes.txt' in", [.. arguments, Path.Combine(_folder.Root, "text")]);
        Packer.Refused("'half.bmp' in", [.. arguments, Path.Combine(_folder.Root, "broken")]);
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

    // 24 bits a pixel, the headers of Windows 3; 16 pixels a row need no padding.
    private static byte[] Bmp(int seed, int darkest, int lightest)
    {
        const int size = 16, header = 54;
        byte[] file = new byte[header + (3 * size * size)];
        "BM"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(2), file.Length);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(10), header);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(14), 40);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(18), size);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(22), size);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(26), 1);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(28), 24);
        Random random = new(seed);
        for (int i = header; i < file.Length; i++) file[i] = (byte)random.Next(darkest, lightest + 1);
        return file;
    }
}
