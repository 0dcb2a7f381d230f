using System.Text.Json.Nodes;
using MeLo.Edge.Models;
using MeLo.Edge.Tensors;
using MeLo.Edge.Tests.Engine;

namespace MeLo.Edge.Tests.Models;

public sealed class BaseImportTests
{
    private static readonly VitArchitecture s_vit = new() { ImageSize = 8, PatchSize = 4, Dim = 12, Depth = 2, Heads = 3, MlpDim = 20 };
    private static readonly BaseImportOptions s_options = new() { Heads = 3 };

    [Fact]
    public void Package_AppearsOnlyWhenItIsWhole()
    {
        using TemporaryFolder folder = new();
        string checkpoint = Checkpoint(folder), target = folder["base"];
        List<BaseImportProgress> reports = [];
        Importing.Import(checkpoint, target, s_options, new Direct(report =>
        {
            Assert.False(Directory.Exists(target));
            reports.Add(report);
        }));
        long written = 0, total = s_vit.ParameterCount * 4;
        Assert.Equal(CanonicalWeights.Of(s_vit).Select(w => new BaseImportProgress(BaseImportStep.Weights, written += w.Shape.Aggregate(4L, (p, d) => p * d), total)), reports);
        Assert.Equal(total, written);
        Assert.Equal(["base", "checkpoint.safetensors"], Names(folder));
        BasePackage.Open(target).Dispose();
    }

    [Fact]
    public void Progress_IsToldOfEveryStep_FromItsFirstPictureOrLinearToItsLast()
    {
        using TemporaryFolder folder = new();
        string pictures = Path.GetDirectoryName(folder["pictures", "0.bmp"])!;
        for (int i = 0; i < 3; i++) File.WriteAllBytes(Path.Combine(pictures, $"{i}.bmp"), EngineFixture.Picture(i));
        List<BaseImportProgress> reports = [];
        BaseImportOptions options = s_options with { Precisions = [Precision.Fp32, Precision.Int8], CalibrationFolder = pictures };
        Importing.Import(Checkpoint(folder), folder["base"], options, new Direct(reports.Add));
        Assert.Equal(Enum.GetValues<BaseImportStep>(), reports.Select(r => r.Step).Distinct());
        Expect(BaseImportStep.Pictures, 3);
        Expect(BaseImportStep.Calibration, 3);
        Expect(BaseImportStep.Quantization, 2 * 4); // key, output, fc1 and fc2 of each layer

        reports.Clear();
        Importing.Import(Checkpoint(folder), folder["plain"], options with { CalibrationFolder = null }, new Direct(reports.Add));
        Assert.Equal([BaseImportStep.Weights, BaseImportStep.Quantization], reports.Select(r => r.Step).Distinct());
        Expect(BaseImportStep.Quantization, 2 * 4);

        void Expect(BaseImportStep step, int total) =>
            Assert.Equal(Enumerable.Range(1, total).Select(done => new BaseImportProgress(step, done, total)), reports.Where(r => r.Step == step));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100)]
    public void ImportThatFailsOrIsCancelled_LeavesNothing(int after)
    {
        using TemporaryFolder folder = new();
        string checkpoint = Checkpoint(folder);
        using CancellationTokenSource cancel = new();
        int count = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => BaseImport.Import(checkpoint, folder["base"], s_options, new Direct(report =>
        {
            if (++count == after || report.Done == report.Total) cancel.Cancel();
        }), cancel.Token));
        Assert.Equal(["checkpoint.safetensors"], Names(folder));

        Assert.Throws<InvalidTimeZoneException>(() => Importing.Import(checkpoint, folder["base"], s_options, new Direct(_ => throw new InvalidTimeZoneException())));
        Assert.Equal(["checkpoint.safetensors"], Names(folder));
    }

    [Fact]
    public void LinkToAnEmptyFolder_StaysALink_AndTheFolderIsFilled()
    {
        using TemporaryFolder folder = new();
        string checkpoint = Checkpoint(folder), disk = folder["disk", "base"], link = folder["base"];
        Directory.CreateDirectory(disk);
        Directory.CreateSymbolicLink(link, disk);
        Importing.Import(checkpoint, link, s_options);
        Assert.Equal(disk, Directory.ResolveLinkTarget(link, returnFinalTarget: true)!.FullName);
        Assert.Equal(["base"], Directory.GetFileSystemEntries(Path.GetDirectoryName(disk)!).Select(Path.GetFileName));
        BasePackage.Open(disk).Dispose();
        Assert.Contains("not empty", Assert.Throws<ModelException>(() => Importing.Import(checkpoint, link, s_options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FolderThatIsNotEmpty_IsRefusedAndUntouched_AnEmptyOneIsUsed()
    {
        using TemporaryFolder folder = new();
        string checkpoint = Checkpoint(folder);
        File.WriteAllText(folder["taken", "note.txt"], "mine");
        Assert.Contains("not empty", Assert.Throws<ModelException>(() => Importing.Import(checkpoint, folder["taken"], s_options)).Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(folder["taken", "note.txt"]));
        Assert.Contains("a file of that name", Assert.Throws<ModelException>(() => Importing.Import(checkpoint, checkpoint, s_options)).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(folder["empty"]);
        Importing.Import(checkpoint, folder["empty"], s_options);
        BasePackage.Open(folder["empty"]).Dispose();
        Directory.CreateDirectory(folder["slash"]);
        Importing.Import(checkpoint, folder["slash"] + Path.DirectorySeparatorChar, s_options);
        BasePackage.Open(folder["slash"]).Dispose();
        Importing.Import(checkpoint, folder["new", "deep", "base"], s_options);
        BasePackage.Open(folder["new", "deep", "base"]).Dispose();
    }

    [Fact]
    public void FolderFilledMeanwhile_IsNotOverwritten()
    {
        using TemporaryFolder folder = new();
        string checkpoint = Checkpoint(folder);
        Assert.Throws<ModelException>(() => Importing.Import(checkpoint, folder["base"], s_options, new Direct(_ => File.WriteAllText(folder["base", "note.txt"], "mine"))));
        Assert.Equal(["note.txt"], Directory.GetFileSystemEntries(folder["base"]).Select(Path.GetFileName));
        Assert.Equal(["base", "checkpoint.safetensors"], Names(folder));
    }

    [Fact]
    public void TwoImports_AreTheSameToTheByte_ButForTheirTime()
    {
        using TemporaryFolder folder = new();
        string checkpoint = Checkpoint(folder);
        BaseImportOptions options = s_options with { Time = new FixedTime(new DateTimeOffset(2026, 1, 31, 10, 20, 30, TimeSpan.Zero)) };
        Importing.Import(checkpoint, folder["a"], options);
        Importing.Import(checkpoint, folder["b"], options);
        foreach (string file in (string[])["base.json", "model.fp32.onnx", "weights.safetensors"])
            Assert.Equal(File.ReadAllBytes(folder["a", file]), File.ReadAllBytes(folder["b", file]));
        Assert.Contains("\"created\": \"2026-01-31T10:20:30", File.ReadAllText(folder["a", "base.json"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Source_IsRecordedForAudits()
    {
        using TemporaryFolder folder = new();
        string checkpoint = Checkpoint(folder, ElementType.F16);
        Importing.Import(checkpoint, folder["base"], s_options with { ImageSize = 16 });
        JsonNode source = JsonNode.Parse(File.ReadAllText(folder["base", "base.json"]))!["source"]!;
        Assert.Equal("checkpoint.safetensors", source["file"]!.GetValue<string>());
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(checkpoint))), source["sha256"]!.GetValue<string>());
        Assert.Equal(8, source["imageSize"]!.GetValue<int>());
        Assert.Equal("[\"F16\"]", source["elementTypes"]!.ToJsonString());
        Assert.Equal("[\"head.bias\",\"head.weight\"]", source["ignored"]!.ToJsonString());
        using BasePackage package = BasePackage.Open(folder["base"]);
        Assert.Equal((16, 17), (package.Architecture.ImageSize, package.Architecture.Tokens));
    }

    [Theory]
    [InlineData(9, "a multiple of the patch size 4")]
    [InlineData(0, "ImageSize 0")]
    [InlineData(-4, "ImageSize -4")]
    [InlineData(1 << 20, "ImageSize 1048576")]
    public void ImageSizeThatCannotBe_IsRefused(int size, string expected)
    {
        using TemporaryFolder folder = new();
        string checkpoint = Checkpoint(folder);
        ModelException refusal = Assert.Throws<ModelException>(() => Importing.Import(checkpoint, folder["base"], s_options with { ImageSize = size }));
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(["checkpoint.safetensors"], Names(folder));
    }

    [Fact]
    public void ResampledPositions_KeepTheClassToken()
    {
        using TemporaryFolder folder = new();
        RandomVit vit = new(s_vit);
        string checkpoint = Checkpoint(folder);
        Importing.Import(checkpoint, folder["base"], s_options with { ImageSize = 20 });
        using BasePackage package = BasePackage.Open(folder["base"]);
        float[] positions = package.Weights["position_embedding"].ToSingles();
        Assert.Equal(vit.Weights["pos"].Values[..12], positions[..12]);
        Assert.Equal(PositionEmbedding.Resample(vit.Weights["pos"].Values.AsSpan(12), 2, 5, 12), positions[12..]);
        using BaseRun run = new(package);
        Assert.Equal(12, run.Features(new float[3 * 20 * 20]).Length);
    }

    [Fact]
    public void NoPrecision_OrOneTwice_IsRefused()
    {
        using TemporaryFolder folder = new();
        string checkpoint = Checkpoint(folder);
        foreach (Precision[] precisions in (Precision[][])[[], [Precision.Fp32, Precision.Fp32]])
            Assert.Throws<ModelException>(() => Importing.Import(checkpoint, folder["base"], s_options with { Precisions = precisions }));
    }

    [Fact]
    public void Memory_StaysFarBelowTheModels()
    {
        // 7 M parameters, 28 MB; the largest weight is 2.4 MB. Two buffers of that, and change, are all that may be allocated.
        VitArchitecture large = new() { ImageSize = 16, PatchSize = 4, Dim = 384, Depth = 4, Heads = 6, MlpDim = 1536 };
        using TemporaryFolder folder = new();
        string checkpoint = RandomVit.Save(folder["checkpoint.safetensors"], new RandomVit(large).Timm(), ElementType.F16);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Importing.Import(checkpoint, folder["base"], new BaseImportOptions { Heads = 6 });
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(allocated, 1, large.ParameterCount * sizeof(float) / 3);
    }

    private static string Checkpoint(TemporaryFolder folder, ElementType type = ElementType.F32) =>
        RandomVit.Save(folder["checkpoint.safetensors"], new RandomVit(s_vit).Timm(), type);

    private static string[] Names(TemporaryFolder folder) => [.. Directory.GetFileSystemEntries(folder.Root).Select(entry => Path.GetFileName(entry)!).Order(StringComparer.Ordinal)];

    private sealed class Direct(Action<BaseImportProgress> report) : IProgress<BaseImportProgress>
    {
        public void Report(BaseImportProgress value) => report(value);
    }

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
