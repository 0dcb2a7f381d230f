using System.Globalization;
using System.IO.Compression;
using System.Text;
using MeLo.Edge.Imaging;
using MeLo.Edge.Phantoms;

namespace MeLo.Edge.Training.Tests.Commands;

public sealed class PhantomsCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Folder_HasAPictureForEveryLineOfTheList_AndTheyShowWhatItSays()
    {
        string target = _folder["set"];
        ProgramResult result = TrainerTool.RunProcess("phantoms", "--task", "breast-mass", "--count", "60", "--seed", "3", "--size", "32", "--out", target);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("not for clinical use", result.Output, StringComparison.Ordinal);
        string[] lines = File.ReadAllLines(Path.Combine(target, "labels.csv"));
        Assert.Equal("path,label,split", lines[0]);
        IReadOnlyList<PhantomSample> samples = PhantomSet.Of(3, 3, 60);
        Assert.Equal(61, lines.Length);
        Assert.Equal(60, Directory.GetFiles(target, "*.png", SearchOption.AllDirectories).Length);
        for (int i = 0; i < samples.Count; i++)
        {
            string[] fields = lines[i + 1].Split(',');
            Assert.Equal((Phantom.Mammogram.Labels[samples[i].Label], samples[i].Part.ToString().ToLowerInvariant()), (fields[1], fields[2]));
            Assert.StartsWith(fields[1] + "/", fields[0], StringComparison.Ordinal);
            PixelBuffer decoded = RasterDecoder.Decode(File.ReadAllBytes(Path.Combine(target, fields[0])), DecodeLimits.Default);
            Assert.Equal((32, 32), (decoded.Width, decoded.Height));
        }
        byte[] first = File.ReadAllBytes(Path.Combine(target, lines[1].Split(',')[0]));
        Assert.Equal(PngFile.Write(Phantom.Mammogram.Draw(samples[0].Seed, samples[0].Label, 32, 32), 8), first);
    }

    [Theory]
    [InlineData("organ-mass", new[] { 28, 28, 28 })]
    [InlineData("tuberculosis", new[] { 64, 64 })]
    [InlineData("pretraining", new[] { 64, 64, 3 })]
    public async Task File_IsLaidOutAsMedMnists(string task, int[] shape)
    {
        string path = _folder["set.npz"];
        Phantom? kind = Array.Find([.. Phantom.Tasks, Phantom.Pretraining], k => k.Name == task);
        int classes = kind?.Labels.Count ?? 2, count = 20 * classes;
        ProgramResult result = await TrainerTool.RunHereAsync("phantoms", "--task", task, "--count", count.ToString(CultureInfo.InvariantCulture), "--out", path);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using ZipArchive archive = ZipFile.OpenRead(path);
        IReadOnlyList<PhantomSample> samples = PhantomSet.Of(1, classes, count);
        foreach ((string name, PhantomPart part) in (ReadOnlySpan<(string, PhantomPart)>)[("train", PhantomPart.Train), ("val", PhantomPart.Validation), ("test", PhantomPart.Test)])
        {
            PhantomSample[] those = [.. samples.Where(s => s.Part == part)];
            (byte[] images, string imageShape) = Read(archive, name + "_images");
            (byte[] labels, string labelShape) = Read(archive, name + "_labels");
            Assert.Equal($"({string.Join(", ", shape.Prepend(those.Length))})", imageShape);
            Assert.Equal($"({those.Length}, 1)", labelShape);
            Assert.Equal(those.Select(s => (byte)s.Label), labels);
            byte[] expected = [.. those.SelectMany(s => kind is null ? OrganPhantom.Draw(s.Seed, s.Label, 28).Voxels : kind.Draw(s.Seed, s.Label, 64, 64).Samples.Select(v => (byte)(v >> 8)))];
            Assert.True(expected.AsSpan().SequenceEqual(images), $"{name}_images are not the samples of the set");
        }
    }

    [Fact]
    public async Task SameCommand_WritesTheSameBytes()
    {
        string[] Command(string path) => ["phantoms", "--task", "blood-cell", "--count", "8", "--size", "24", "--seed", "5", "--out", path];
        Assert.Equal(0, (await TrainerTool.RunHereAsync(Command(_folder["a.npz"]))).ExitCode);
        Assert.Equal(0, (await TrainerTool.RunHereAsync(Command(_folder["b.npz"]))).ExitCode);
        Assert.Equal(File.ReadAllBytes(_folder["a.npz"]), File.ReadAllBytes(_folder["b.npz"]));
    }

    [Theory]
    [InlineData("phantoms --task tuberculosis --out x", "--count")]
    [InlineData("phantoms --task tuberculosis --count 0 --out x", "--count: found '0'")]
    [InlineData("phantoms --task tuberculosis --count 1 --size many --out x", "--size: found 'many'")]
    [InlineData("phantoms --task tuberculosis --count 1 --size 5000 --out x", "--size: found '5000'")]
    [InlineData("phantoms --task organ-mass --count 1 --size 513 --out x.npz", "--size: found 513, expected at most 512 for volumes")]
    [InlineData("phantoms --task tuberculosis --count 1 --seed -1 --out x", "--seed: found '-1'")]
    [InlineData("phantoms --task knee --count 1 --out x", "knee")]
    [InlineData("phantoms --task organ-mass --count 1 --out x", ".npz")]
    public async Task WrongUsage_ExitsWithTwo_AndOneLine(string arguments, string reason)
    {
        ProgramResult result = await TrainerTool.RunHereAsync(arguments.Split(' '));
        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains(reason, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("set")]
    [InlineData("set.npz")]
    public async Task WhatIsThere_IsNeverOverwritten(string name)
    {
        string path = _folder[name];
        string file = name == "set" ? _folder["set", "photograph.png"] : path;
        File.WriteAllText(file, "mine");
        ProgramResult result = await TrainerTool.RunHereAsync("phantoms", "--task", "tuberculosis", "--count", "2", "--out", path);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith($"error: {name}: found something at ", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(file));
    }

    [Theory]
    [InlineData("set")]
    [InlineData("set.npz")]
    public async Task KilledWriter_LeavesNothingUnderTheName(string name)
    {
        string[] command = ["phantoms", "--task", "blood-cell", "--count", "4000", "--size", "48", "--out", _folder[name]];
        using (System.Diagnostics.Process process = TrainerTool.Start(command))
        {
            while (!Directory.EnumerateFileSystemEntries(_folder.Root, ".*.partial").Any())
            {
                Assert.False(process.HasExited, "it was done before it could be killed");
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        Assert.False(Path.Exists(_folder[name]));
        Assert.Equal(0, (await TrainerTool.RunHereAsync([.. command.Select(a => a == "4000" ? "8" : a)])).ExitCode);
        Assert.True(Path.Exists(_folder[name]));
    }

    [Fact]
    public async Task EmptyFolderThatIsThere_IsFilled()
    {
        string folder = Directory.CreateDirectory(_folder["elsewhere"]).FullName, link = _folder["set"];
        Directory.CreateSymbolicLink(link, folder);
        Assert.Equal(0, (await TrainerTool.RunHereAsync("phantoms", "--task", "tuberculosis", "--count", "4", "--size", "16", "--out", link)).ExitCode);
        Assert.Equal(["NOTICE.txt", "labels.csv", "normal", "tuberculosis"], Directory.GetFileSystemEntries(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(folder, new DirectoryInfo(link).LinkTarget);
    }

    // NumPy's format 1.0: magic, version, the header's length, a Python dictionary, the data.
    private static (byte[] Data, string Shape) Read(ZipArchive archive, string name)
    {
        using MemoryStream content = new();
        using (Stream entry = archive.GetEntry(name + ".npy")!.Open()) entry.CopyTo(content);
        byte[] bytes = content.ToArray();
        Assert.Equal([0x93, .. "NUMPY\x01\0"u8], bytes[..8]);
        int length = bytes[8] | (bytes[9] << 8);
        Assert.Equal(0, (10 + length) % 64);
        string header = Encoding.ASCII.GetString(bytes, 10, length);
        Assert.StartsWith("{'descr': '|u1', 'fortran_order': False, 'shape': ", header, StringComparison.Ordinal);
        Assert.EndsWith("\n", header, StringComparison.Ordinal);
        return (bytes[(10 + length)..], header[header.IndexOf('(', StringComparison.Ordinal)..(header.IndexOf(')', StringComparison.Ordinal) + 1)]);
    }
}
