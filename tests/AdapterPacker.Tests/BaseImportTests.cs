using MeLo.Edge.Models;

namespace AdapterPacker.Tests;

public sealed class BaseImportTests(Workbench bench) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Package_OpensWithTheDigestThatWasPrinted()
    {
        string output = Packer.Done("base", "import", bench.Checkpoint, "--out", Path.Combine(_folder.Root, "base"), "--heads", "2", "--adapt", "all", "--precision", "fp32");
        using BasePackage package = BasePackage.Open(Path.Combine(_folder.Root, "base"));
        Assert.Contains(package.Digest, output, StringComparison.Ordinal);
        Assert.Equal(6 * RandomVit.Depth, package.AdaptableLinears.Count);
        using BasePackage first = BasePackage.Open(bench.Base);
        Assert.Equal(first.Digest, package.Digest);
    }

    [Fact]
    public void ImageSize_ResamplesForOtherImages()
    {
        Packer.Done("base", "import", bench.Checkpoint, "--out", Path.Combine(_folder.Root, "base"), "--heads", "2", "--image-size", "32");
        using BasePackage package = BasePackage.Open(Path.Combine(_folder.Root, "base"));
        Assert.Equal(32, package.Architecture.ImageSize);
    }

    [Fact]
    public void WhatCannotBeImported_IsRefused_AndNothingIsLeft()
    {
        string target = Path.Combine(_folder.Root, "base");
        Packer.Refused("heads", "base", "import", bench.Checkpoint, "--out", target);
        Packer.Refused("absent", "base", "import", _folder["absent.safetensors"], "--out", target, "--heads", "2");
        Packer.Refused("lesion_micro_lora_4_4", "base", "import", bench.Adapter, "--out", target, "--heads", "2");
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Root));
        Packer.Refused("not empty", "base", "import", bench.Checkpoint, "--out", bench.Base, "--heads", "2");
    }

    public void Dispose() => _folder.Dispose();
}
