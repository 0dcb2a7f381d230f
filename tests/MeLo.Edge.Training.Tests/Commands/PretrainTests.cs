using MeLo.Edge.Models;
using MeLo.Edge.Tests;

namespace MeLo.Edge.Training.Tests.Commands;

public sealed class PretrainTests(TrainingBench bench) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void PretrainedModel_IsABaseThatAdaptersAreTrainedOn()
    {
        string path = _folder["small base.safetensors"];
        string output = TrainerTool.Done(Command(path, "--epochs", "4"));
        Assert.Contains("of 4 was best", output, StringComparison.Ordinal);
        Assert.Contains("on 12 test samples: AUC ", output, StringComparison.Ordinal);
        Assert.Contains($"next: adapter-packer base import \"{path}\" --heads 2 --out base", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(path + ".training"));
        BaseImport.Import(path, _folder["base"], new BaseImportOptions { Heads = 2 }, cancellation: TestContext.Current.CancellationToken);
        using (BasePackage package = BasePackage.Open(_folder["base"]))
            Assert.Equal((32, 8, 32, 2, 2, 128), (package.Architecture.ImageSize, package.Architecture.PatchSize, package.Architecture.Dim, package.Architecture.Depth, package.Architecture.Heads, package.Architecture.MlpDim));
        output = TrainerTool.Done([.. bench.Train(_folder["spots.melo"]).Select(a => a == bench.Base ? _folder["base"] : a)]);
        Assert.Contains("on 12 test samples: AUC ", output, StringComparison.Ordinal);
    }

    [Fact]
    public void SameSeed_GivesTheSameFile_AlsoAfterAKill()
    {
        string[] options = ["--epochs", "6", "--micro-batch", "8", "--half"];
        TrainerTool.Done(Command(_folder["whole.safetensors"], options));
        string path = _folder["killed.safetensors"];
        using (System.Diagnostics.Process process = TrainerTool.Start(Command(path, options)))
        {
            while (!process.StandardError.ReadLine()!.StartsWith("epoch", StringComparison.Ordinal)) { }
            process.Kill();
            process.WaitForExit();
        }
        Assert.False(File.Exists(path));
        TrainerTool.Done(Command(path, options));
        Assert.Equal(File.ReadAllBytes(_folder["whole.safetensors"]), File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData("--image-size", "30", "--image-size: found 30, expected a multiple of --patch-size, 8")]
    [InlineData("--dim", "33", "--dim: found 33, expected a multiple of --heads, 2")]
    [InlineData("--depth", "49", "--depth: found 49, expected at most 48")]
    [InlineData("--weight-decay", "5000", "weight decay: found 5000 at a learning rate of 0.001")]
    [InlineData("--validation-share", "0", "share for validation: found 0, expected more than 0")]
    public void WhatCannotBe_IsRefusedBeforeTheDataIsRead(string option, string value, string expected)
    {
        ProgramResult result = TrainerTool.Run("pretrain", "--data", _folder["none"], "--heads", "2", option, value, "--out", _folder["x.safetensors"]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, result.Error, StringComparison.Ordinal);
    }

    private string[] Command(string path, params string[] more) =>
        ["pretrain", "--data", bench.Pictures, "--image-size", "32", "--patch-size", "8", "--dim", "32", "--depth", "2", "--heads", "2", "--batch", "16", "--warmup", "0", "--out", path, .. more];
}
